import { expect, test } from 'vitest';

import { type CheckOutcome, checkSteps, outcomeText, runSteps } from './check_steps.ts';

test('a step that fails, or cannot even start, is a failure and shows its output', async () => {
  const heard: CheckOutcome[] = [];
  const outcomes = await runSteps(
    [
      { name: 'good', command: ['node', '-e', 'console.log(process.version)'] },
      { name: 'bad', command: ['node', '-e', 'console.log("out"); console.error("err"); process.exitCode = 3'] },
      { name: 'killed', command: ['node', '-e', 'process.kill(process.pid, "SIGKILL")'] },
      { name: 'absent', command: ['edgetap-no-such-program'] },
    ],
    (outcome) => heard.push(outcome),
  );
  expect(outcomes).toEqual(heard);
  const byName = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  expect(Object.fromEntries(outcomes.map(({ name, ok }) => [name, ok]))).toEqual({
    good: true,
    bad: false,
    killed: false,
    absent: false,
  });
  expect(byName.get('good')?.output).toMatch(/^v24\./);
  expect(byName.get('absent')?.output).toContain('ENOENT');
  const text = outcomeText(byName.get('bad') ?? { name: '', ok: true, duration_ms: 0, output: '' });
  expect(text).toMatch(/^failed {2}bad +\d+\.\d s\n {8}(out|err)\n {8}(out|err)$/);
});

test('each of the checks is there', () => {
  expect(checkSteps.map(({ name }) => name).toSorted()).toEqual(
    ['dead code', 'errors tested', 'format', 'layers', 'lint', 'types'].toSorted(),
  );
});
