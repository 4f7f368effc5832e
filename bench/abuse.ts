import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { edgetapProgram } from '../test/support/edgetap_program.ts';
import { sharedLimits } from '../src/model/shared_limits.ts';
import { numberedFrame } from '../src/samples/test_frames.ts';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { openFrameSender } from '../test/support/replay_frames.ts';
import { type Served, startServe } from '../test/support/serve.ts';
import { type AttackName, attacks, type Target } from './support/attacks.ts';
import { alone, type Figure } from './support/figure.ts';
import { type LineProcess, startLines } from './support/line_process.ts';
import { peakMemory } from './support/peak_memory.ts';
import { progress } from './support/progress.ts';
import type { Tree } from './support/tree.ts';
import { measureVictim, victim_requests, type VictimTimes } from './support/victim.ts';

/** Rounds of the victim's requests, alone and beside each attack: together fewer than its creates of a minute. */
const rounds = 25;
/** What a server has where nobody sets it; the tests' servers have more of these. */
const as_installed = [
  'creates_per_minute',
  'running_full',
  'refusals_per_minute',
  'buckets_pending',
  'bucket_adds_per_minute',
  'disk_free_bytes',
] as const;
const times_max = 3;
const memory_max_MB = 512;
const sent_per_s = 200;
const colo = 'lab01';

const run = promisify(execFile);

/**
 * What an attack by one tenant costs another: the slowest of the kinds of requests that the victim makes, in multiples of what it takes alone. The
 * attacker runs beside it as fast as it can, at the lowest priority: what is measured is edgetap, not who gets the processor.
 */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  if (against !== undefined) throw new Error('abuse compares the victim with itself: it takes no --against');
  const pair = await createNamespacePair();
  const sender = openFrameSender(pair.far);
  let number = 0;
  const sending = setInterval(() => {
    sender.send(Array.from({ length: sent_per_s / 20 }, () => numberedFrame((number += 1), 500)));
  }, 50);
  let memory_MB = 0;
  try {
    for (const name of Object.keys(attacks) as AttackName[]) {
      const { alone: before, beside, control_MB } = await measureBeside(name, pair.near.name);
      memory_MB = Math.max(memory_MB, control_MB);
      progress(`${name}: alone ${shown(before)}; beside it ${shown(beside)}; control ${control_MB.toFixed(0)} MB`);
      const ours = Math.max(...victim_requests.map((kind) => beside[kind] / before[kind]));
      yield alone({ bench: 'abuse', case: name, unit: 'times', better: 'less', ours, goal: times_max });
    }
    yield alone({
      bench: 'abuse',
      case: 'control memory',
      unit: 'MB',
      better: 'less',
      ours: memory_MB,
      goal: memory_max_MB,
    });
  } finally {
    clearInterval(sending);
    sender.close();
    await pair.remove();
  }
}

interface Measured {
  readonly alone: VictimTimes;
  readonly beside: VictimTimes;
  readonly control_MB: number;
}

/** On a server of its own: what an attack leaves behind is not the next one's. */
async function measureBeside(name: AttackName, interface_name: string): Promise<Measured> {
  let attacker: LineProcess | undefined;
  const limits = as_installed.map((limit) => [
    `EDGETAP_${sharedLimits[limit].setting}`,
    String(sharedLimits[limit].fallback),
  ]);
  // The attacker's bucket is on this host.
  const env = { ...Object.fromEntries(limits), EDGETAP_ALLOW_ENDPOINTS: '127.0.0.1' };
  const served = await startServe({ interfaces: [interface_name], env });
  try {
    attacker = startAttacker(await tenant(served));
    // What runs for the first time is compiled first.
    await measureVictim(served, rounds / 5);
    const before = await measureVictim(served, rounds);
    await told(attacker, name, 'begun');
    const beside = await measureVictim(served, rounds);
    return { alone: before, beside, control_MB: peakMemory(served.pidOf('control')) };
  } finally {
    await attacker?.end('SIGKILL');
    await served.remove();
  }
}

/** Another account with a token that may write. */
async function tenant(served: Served): Promise<Target> {
  const edgetap = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, EDGETAP_DATA_DIR: served.data_dir };
    return (await run(edgetapProgram, args, { env })).stdout.trim();
  };
  const account_id = await edgetap('account', 'create', 'attacker', '--sensors', 'all', '--networks', 'all');
  const token = await edgetap(
    'token',
    'create',
    '--account',
    account_id,
    '--name',
    'attacker',
    '--permission',
    'write',
  );
  const buckets = join(served.data_dir, 'buckets', account_id);
  mkdirSync(buckets, { recursive: true });
  return { url: served.url, account_id, token, colo, buckets };
}

function startAttacker(target: Target): LineProcess {
  const script = join(import.meta.dirname, 'support/attacker.ts');
  return startLines('nice', ['-n', '19', process.execPath, script, JSON.stringify(target)]);
}

async function told(attacker: LineProcess, line: string, answer: string): Promise<void> {
  attacker.tell(line);
  const said = await attacker.read();
  if (said !== answer) throw new Error(`the attacker said ${said}: ${attacker.said}`);
}

function shown(times: VictimTimes): string {
  return victim_requests.map((kind) => `${kind} ${times[kind].toFixed(1)} ms`).join(', ');
}
