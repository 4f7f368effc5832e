import type { FilterCase } from '../fixtures/filter_cases.ts';
import type { Served } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  type ShownCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { startTcpdump, type TcpdumpCapture } from '../support/tcpdump_peer.ts';
import { allArmed } from './shown_sensors.ts';

/** What became of both. */
export interface BesideResult {
  readonly capture: ShownCapture;
  readonly file: Buffer;
  readonly peer: TcpdumpCapture;
}

/** Runs a tcpdump beside each capture, all at once on one interface, while `traffic` is sent; then stops both. */
export async function captureBeside(
  served: Served,
  destination_conf: string,
  port: string,
  cases: readonly FilterCase[],
  traffic: () => void | Promise<void>,
): Promise<readonly BesideResult[]> {
  const peers = await Promise.all(
    cases.map(async ({ tcpdump }) => await startTcpdump({ name: port, filter: tcpdump, flags: ['-B', '8192'] })),
  );
  const ids = await Promise.all(
    cases.map(async ({ ask }) => {
      const body = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf, ...ask };
      return (await createCapture(served, body)).id;
    }),
  );
  await Promise.all(ids.map(async (id) => await allArmed(served, id)));
  await traffic();
  await Promise.all(ids.map(async (id) => await stopCapture(served, id)));
  const caught = await Promise.all(peers.map(async (peer) => await peer.stop()));
  return await Promise.all(
    caught.map(async (peer, index) => {
      const id = ids[index] ?? '';
      const capture = await captureBecomes(served, id, ['success']);
      return { capture, peer, file: deliveredFile(destination_conf, id, cases[index]?.ask.format) };
    }),
  );
}
