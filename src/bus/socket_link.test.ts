import { type Duplex, duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Frame } from './frame.ts';
import type { Link } from './link.ts';
import { socketLink } from './socket_link.ts';

const frame = (id: string, ...body: Uint8Array[]): Frame => ({
  head: { to: 'control', from: 's1', id, type: 'tell' },
  body,
});

const linkOver = (end: Duplex): Link => socketLink((take) => end.on('data', take), 'the other end');

test('what comes before the first listener is kept for it, in order', async () => {
  const [here, there] = duplexPair();
  const [link, other] = [linkOver(here), linkOver(there)];
  await Promise.all(['1', '2'].map((id) => other.send(frame(id))));
  const heard: string[] = [];
  link.onFrame(({ head }) => void heard.push(head.id));
  await other.send(frame('3', new Uint8Array(5), new Uint8Array(0), new Uint8Array(7)));
  for (let wait = 0; wait < 10 && heard.length < 3; wait += 1) await turn();
  expect(heard).toEqual(['1', '2', '3']);
});

test('a pipe that is closed sends nothing and says so, on both ends', async () => {
  const [here, there] = duplexPair();
  const [link, other] = [linkOver(here), linkOver(there)];
  const closed = Promise.withResolvers<void>();
  link.onClose(closed.resolve);
  link.close();
  await closed.promise;
  const late = Promise.withResolvers<void>();
  link.onClose(late.resolve);
  await late.promise;
  await expect(link.send(frame('1'))).rejects.toMatchObject({ faults: [{ name: 'bus_closed' }] });
  other.close();
});

test('a stream that is none of frames is closed', async () => {
  const [here, there] = duplexPair();
  const link = linkOver(here);
  const closed = Promise.withResolvers<void>();
  link.onClose(closed.resolve);
  link.onFrame(() => undefined);
  there.write(Buffer.alloc(8, 0xff));
  await closed.promise;
});
