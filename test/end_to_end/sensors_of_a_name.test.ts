import { afterEach, describe, expect, test } from 'vitest';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { serveOnCables } from '../support/serve_on_cables.ts';
import { type SensorsOfAName, startSensorsOfAName } from '../support/sensors_of_a_name.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';
import { sensorsOf } from './shown_sensors.ts';

describe.skipIf(withoutRoot('capturing'))('two sensors of one name, at work at one control', () => {
  const { pairs } = serveOnCables(2);
  let running: SensorsOfAName | undefined;
  afterEach(async () => {
    await running?.remove();
    running = undefined;
  });

  const readiness = async ({ url }: SensorsOfAName): Promise<string> => await (await fetch(`${url}/readyz`)).text();
  const interfacesOf = (capture: ShownCapture): readonly string[] => sensorsOf(capture).map((one) => one.interface);
  const frame = (mark: number): Uint8Array => new Uint8Array(100).fill(mark);

  test('the second is refused and told, and takes nothing of the first; once that is dead, the name is its own', async () => {
    const [one, other] = pairs;
    if (one === undefined || other === undefined) throw new Error('there are no interfaces');
    const machine = await startSensorsOfAName('s1', [one.near.name, other.near.name]);
    running = machine;
    await machine.first.begin();
    const destination_conf = await provedFileBucket(machine);
    const full = { type: 'full', colo_name: 'lab01', time_limit: 600, destination_conf } as const;
    const { id } = await createCapture(machine, { ...full, packet_limit: 6 });
    await captureBecomes(machine, id, ['running']);
    replayFrames(one.far, [frame(1), frame(2)]);

    const began = machine.second.begin();
    began.catch(() => undefined);
    const held = /The name s1 is held by the sensor [0-9a-f]{32}, which is at work: sensor [0-9a-f]{32}/;
    await waitFor(async () => held.test(await readiness(machine)), { what: 'the second in /readyz' });
    // Control's operator is told, and the second's own.
    await waitFor(() => held.test(machine.output()), { what: 'it in the log of control' });
    await waitFor(() => held.test(machine.second.output()), { what: 'it in its own log' });
    expect(machine.first.output()).not.toMatch(held);

    // The first is asked as before, and what it captures is whole.
    replayFrames(one.far, [frame(3), frame(4)]);
    replayFrames(other.far, [frame(9)]);
    const next = await createCapture(machine, { ...full, packet_limit: 2 });
    await captureBecomes(machine, next.id, ['running']);
    expect(interfacesOf(await showCapture(machine, next.id))).toEqual([one.near.name]);
    replayFrames(one.far, [frame(5), frame(6)]);
    for (const [capture, marks] of [
      [id, [1, 2, 3, 4, 5, 6]],
      [next.id, [5, 6]],
    ] as const) {
      const done = await captureBecomes(machine, capture);
      expect([done.status, interfacesOf(done)]).toEqual(['success', [one.near.name]]);
      const { packets } = parsePcap(deliveredFile(destination_conf, capture));
      expect(packets.map(({ data }) => data[0])).toEqual(marks);
    }

    await machine.first.kill();
    await began;
    await waitFor(async () => !held.test(await readiness(machine)), { what: 'it to be over' });
    const last = await createCapture(machine, { ...full, packet_limit: 1 });
    await captureBecomes(machine, last.id, ['running']);
    replayFrames(other.far, [frame(7)]);
    const done = await captureBecomes(machine, last.id);
    expect([done.status, interfacesOf(done)]).toEqual(['success', [other.near.name]]);
    expect(parsePcap(deliveredFile(destination_conf, last.id)).packets.map(({ data }) => data[0])).toEqual([7]);
  });
});
