import { freeze } from '../support/freeze.ts';
import { linkUp } from '../support/link_up.ts';
import { waitFor } from '../support/wait_for.ts';
import type { ChaosMachine } from './chaos_machine.ts';

/** Something that happens to a machine while it captures. */
export interface Disturbance {
  readonly name: string;
  /** What may lose packets by it. What may not is whole, and a success. */
  readonly may_lose: 'nothing' | 'samples' | 'everything';
  /** Does it, and resolves when it is over. */
  run(machine: ChaosMachine, random: (below: number) => number): Promise<void>;
}

const rest = async (ms: number): Promise<void> => {
  await new Promise((settle) => setTimeout(settle, ms));
};

/** Everything that is stopped stands for 0.5 to 8 s: a stolen processor, a stopped container, a machine that swaps. */
const standing_ms = (random: (below: number) => number): number => 500 + random(7500);

/** More than both rings hold. */
const burst_frames = 80_000;

function stall(name: string, pidsOf: (machine: ChaosMachine) => readonly number[]): Disturbance {
  return {
    name,
    may_lose: 'nothing',
    run: async (machine, random) => {
      const goOn = await freeze(pidsOf(machine));
      await rest(standing_ms(random));
      goOn();
    },
  };
}

function kill(child: 'control' | 'sensor'): Disturbance {
  return {
    name: `kill ${child}`,
    may_lose: child === 'sensor' ? 'everything' : 'nothing',
    run: async ({ served }) => {
      const pid = served.pidOf(child);
      process.kill(pid, 'SIGKILL');
      await waitFor(() => served.pidOf(child) !== pid, { what: `another ${child}` });
    },
  };
}

const stallSensor = stall('stall sensor', ({ served }) => [served.pidOf('sensor')]);

/** What can happen. */
export const disturbances: readonly Disturbance[] = [
  { name: 'nothing', may_lose: 'nothing', run: async (_, random) => await rest(random(1000)) },
  stallSensor,
  stall('stall control', ({ served }) => [served.pidOf('control')]),
  stall('stall all', ({ served }) => [served.process.pid ?? 0, served.pidOf('control'), served.pidOf('sensor')]),
  kill('sensor'),
  kill('control'),
  {
    name: 'flood a sensor that stands still',
    may_lose: 'everything',
    run: async (machine, random) => {
      const goOn = await freeze([machine.served.pidOf('sensor')]);
      await machine.ports[random(machine.ports.length)]?.ledger.burst(burst_frames);
      await rest(random(1000));
      goOn();
    },
  },
  {
    name: 'link down and up',
    // The sampler opens the interface again, a moment after it is up.
    may_lose: 'samples',
    run: async ({ ports }, random) => {
      const port = ports[random(ports.length)];
      if (port === undefined) return;
      // Nothing is sent meanwhile: what is sent into a cable that is down never arrives.
      await port.ledger.pause();
      await port.pair.exec('near', 'ip', ['link', 'set', port.pair.near.name, 'down']);
      await rest(random(2000));
      await linkUp(port.pair, port.pair.near.name);
      await port.ledger.resume();
    },
  },
];

/** Waits until the API answers, whatever was done to it. */
export async function answers({ served }: ChaosMachine): Promise<void> {
  await waitFor(async () => (await served.call('GET', '/pcaps')).status === 200, {
    what: 'the API to answer again',
  });
}

/** Waits until the sensor takes captures again, whatever was done to it. */
export async function comesBack(machine: ChaosMachine): Promise<void> {
  const running = await waitFor(async () => await machine.begin(), {
    what: 'a capture to run again',
  });
  await machine.finish(running);
}
