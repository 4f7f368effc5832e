import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatTime } from '../../src/model/time.ts';
import { isWhole } from '../support/ends_whole.ts';
import { testSeed } from '../support/test_seed.ts';
import { seededRandom } from '../support/seeded_random.ts';
import { type ChaosMachine, nowNs, startChaosMachine, type Verdict } from './chaos_machine.ts';
import { answers, comesBack, type Disturbance, disturbances } from './disturbances.ts';
import { soak } from '../support/soak.ts';

/** One disturbance, and what was wrong with the results of its time. */
interface Trial {
  readonly faults: readonly string[];
  readonly missing: number;
}

const rounds = disturbances.length * soak;
const second = 1_000_000_000n;
/** So long before and after a disturbance a look-back may be partial: samples are not all on the disk yet, the sampler begins anew. */
const before_ns = 4n * second;
const after_ns = 1n * second;

const seed = testSeed('chaos trials');
const random = seededRandom(seed);
let machine: ChaosMachine;

beforeAll(async () => {
  machine = await startChaosMachine({ interfaces: 2, frame_bytes: 1200 });
});
afterAll(async () => {
  await machine?.end();
});

/** Every disturbance once, then at random; in an order of its own each time. */
function plan(): readonly Disturbance[] {
  const order: Disturbance[] = [];
  while (order.length < rounds) {
    const left = [...disturbances];
    while (left.length > 0) order.push(...left.splice(random(left.length), 1));
  }
  return order;
}

const rest = async (ms: number): Promise<void> => {
  await new Promise((settle) => setTimeout(settle, ms));
};

/** What is wrong with a result: it says what it holds, and where nothing can have been lost, it is all of it. */
function faultsOf(what: string, verdict: Verdict, mayLose: boolean): readonly string[] {
  const { status, capture, faults, missing } = verdict;
  const partial = !mayLose && (!isWhole(capture) || missing > 0);
  const more = partial ? [`${missing} are missing, where nothing can have been lost`] : [];
  return [...faults, ...more].map(
    (fault) => `${what}: ${status} (${JSON.stringify(capture['error_message'])}): ${fault}`,
  );
}

async function trial(number: number, disturbance: Disturbance): Promise<Trial> {
  const what = `round ${number}: ${disturbance.name}`;
  const wholeSecond = (at: bigint): bigint => at - (at % second);
  const running = await machine.begin(random(2) === 0 ? {} : { lookback: 2 });
  await rest(random(1000));
  const begun = nowNs();
  await disturbance.run(machine, random);
  await answers(machine);
  await rest(random(1000));
  const full = await machine.finish(running);
  const faults = [...faultsOf(`${what}, full`, full, disturbance.may_lose === 'everything')];
  await comesBack(machine);
  const over = nowNs();
  await rest(2500);

  const to = wholeSecond(nowNs());
  const from = wholeSecond(running.since) - second;
  const near = (at: bigint): boolean => at > begun - before_ns - second && at < over + after_ns;
  const whole = await machine.lookBack({ from, to });
  faults.push(...faultsOf(`${what}, samples of all of it`, whole, disturbance.may_lose !== 'nothing'));
  for (let at = from; at < to; at += second) {
    const verdict = await machine.lookBack({ from: at, to: at + second });
    const mayLose = disturbance.may_lose !== 'nothing' && near(at);
    faults.push(...faultsOf(`${what}, samples of ${formatTime(at)}`, verdict, mayLose));
  }
  const told = `${what}: ${full.status}, ${whole.status}, ${full.missing} and ${whole.missing} missing`;
  process.stdout.write(`${told}\n`);
  return { faults, missing: full.missing + whole.missing };
}

test(`every result of ${rounds} disturbed captures says what it holds`, { timeout: 1_200_000 * soak }, async () => {
  await rest(3000);
  const trials: Trial[] = [];
  for (const [number, disturbance] of plan().entries()) trials.push(await trial(number, disturbance));
  expect(trials.flatMap(({ faults }) => faults)).toEqual([]);
  // They were trials: packets were lost, and told.
  expect(trials.filter(({ missing }) => missing > 0).length).toBeGreaterThan(0);
});
