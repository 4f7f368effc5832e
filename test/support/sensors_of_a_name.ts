import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlAddress, sensorAddress } from '../../src/bus/address.ts';
import { createRelay } from '../../src/bus/relay.ts';
import { busOf, child_stdio } from '../../src/main/bus_link.ts';
import { type FromChild, isChildMessage, type ReadyDetails, type ToChild } from '../../src/main/child_messages.ts';
import { memory_environment, memory_options } from '../../src/main/memory_options.ts';
import { readServeSettings, type ServeSettings, sensorSettings } from '../../src/main/settings.ts';
import { worker_options } from '../../src/main/worker_options.ts';
import { callApi } from './call_api.ts';
import type { Served } from './serve.ts';

/** A process of edgetap, begun as the supervisor begins it. */
export interface SensorProcess {
  /** Its identity and all that it keeps are in here. */
  readonly data_dir: string;
  /** All that it has written. */
  output(): string;
  /** Begins its work; resolves when it says that it is ready. */
  begin(): Promise<ReadyDetails>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** A control and two sensors of one name, each in a process of its own, on the pipes and the relay of a supervisor. */
export interface SensorsOfAName extends Pick<Served, 'url' | 'data_dir' | 'call' | 'output'> {
  /** The one that what control says to the name goes to, as long as it lives. */
  readonly first: SensorProcess;
  readonly second: SensorProcess;
  remove(): Promise<void>;
}

const account_id = 'a'.repeat(32);
const token = 'et-test-token-0123456789';

/**
 * Starts a control, and two processes that will be sensors called `name`, one for each of two interfaces. A supervisor has one sensor: this stands in the
 * place of a second one, whose sensor can reach the same control.
 */
export async function startSensorsOfAName(
  name: string,
  interfaces: readonly [string, string],
): Promise<SensorsOfAName> {
  const [data_dir, other_dir] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'edgetap-name-'))) as [string, string];
  // Control takes the pieces of both.
  mkdirSync(join(data_dir, 'control'), { recursive: true, mode: 0o700 });
  symlinkSync(join(data_dir, 'control'), join(other_dir, 'control'));
  const settingsOf = (directory: string, port: string): ServeSettings =>
    readServeSettings(
      {
        EDGETAP_LISTEN: '127.0.0.1:0',
        EDGETAP_DATA_DIR: directory,
        EDGETAP_INTERFACES: port,
        EDGETAP_COLO: 'lab01',
        EDGETAP_SENSOR: name,
        EDGETAP_ACCOUNT_ID: account_id,
        EDGETAP_BOOTSTRAP_TOKEN: token,
        EDGETAP_DISK_FREE_BYTES: String(16 << 20),
        EDGETAP_SPOOL_BYTES: '100000000',
        EDGETAP_SAMPLE_BYTES: '100000000',
      },
      name,
    );
  const relay = createRelay();
  const settings = settingsOf(data_dir, interfaces[0]);
  const control = launch('control', settings);
  const [second, first] = [launch('sensor', settingsOf(other_dir, interfaces[1])), launch('sensor', settings)];
  relay.attach(controlAddress, busOf(control.process, 'control'));
  // Who comes last has the address.
  for (const { process: sensor } of [second, first]) relay.attach(sensorAddress(name), busOf(sensor, 'sensor'));
  const remove = async (): Promise<void> => {
    for (const one of [first, second, control]) await one.kill();
    for (const directory of [data_dir, other_dir]) rmSync(directory, { recursive: true, force: true });
  };
  try {
    tell(control.process, { edgetap: 'child', kind: 'begin', settings });
    const { url = '', listeners = [] } = await control.ready;
    const sensorOf = (launched: Launched, own: ServeSettings): SensorProcess => ({
      data_dir: own.data_dir,
      output: () => launched.output(),
      kill: async () => await launched.kill(),
      begin: async () => {
        tell(launched.process, { edgetap: 'child', kind: 'begin', settings: sensorSettings(own) });
        tell(launched.process, { edgetap: 'child', kind: 'listeners', listeners });
        return await launched.ready;
      },
    });
    return {
      url,
      data_dir,
      call: callApi(url, { account_id, token }),
      output: () => control.output(),
      first: sensorOf(first, settings),
      second: sensorOf(second, settingsOf(other_dir, interfaces[1])),
      remove,
    };
  } catch (error) {
    await remove();
    throw new Error(`${String(error)}\n${control.output()}`, { cause: error });
  }
}

interface Launched {
  readonly process: ChildProcess;
  readonly ready: Promise<ReadyDetails>;
  output(): string;
  kill(): Promise<void>;
}

/** Forks a child as the supervisor does, its output kept. */
function launch(program: 'control' | 'sensor', { data_dir }: ServeSettings): Launched {
  const [stdin, , , ...pipes] = child_stdio;
  const child = fork(new URL(`../../src/main/${program}_process.ts`, import.meta.url), [String(process.pid)], {
    serialization: 'advanced',
    stdio: [stdin, 'pipe', 'pipe', ...pipes],
    execArgv: [...worker_options, ...memory_options],
    env: { PATH: process.env['PATH'], ...memory_environment, EDGETAP_DATA_DIR: data_dir },
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const exited = once(child, 'exit');
  const ready = Promise.withResolvers<ReadyDetails>();
  // Who begins it waits for it.
  ready.promise.catch(() => undefined);
  child.on('message', (message) => {
    if (!isChildMessage(message)) return;
    const said = message as FromChild;
    if (said.kind === 'ready') ready.resolve(said.details);
    if (said.kind === 'refused') ready.reject(new Error(said.fault.message));
  });
  void exited.then(() => ready.reject(new Error(`the ${program} process ended\n${written}`)));
  return {
    process: child,
    ready: ready.promise,
    output: () => written,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function tell(child: ChildProcess, message: ToChild): void {
  child.send(message);
}
