import { checkSteps, outcomeText, runSteps } from './check_steps.ts';

const outcomes = await runSteps(checkSteps, (outcome) => console.log(outcomeText(outcome)));
const failed = outcomes.filter(({ ok }) => !ok).length;
if (failed > 0) console.log(`${failed} of ${outcomes.length} checks failed`);
process.exitCode = failed === 0 && outcomes.length === checkSteps.length ? 0 : 1;
