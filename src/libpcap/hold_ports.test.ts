import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { holdPorts } from './hold_ports.ts';

test('held ports are this process’s own, and each can be connected from', async () => {
  const held = holdPorts(4);
  const other = holdPorts(4);
  if (held === undefined || other === undefined) throw new Error('there are no ports');
  onTestFinished(() => {
    held.close();
    other.close();
  });
  expect(held.last - held.first).toBe(3);
  expect(other.first > held.last || other.last < held.first).toBe(true);
  const server = createServer((socket) => socket.end(`${socket.remotePort}`)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  for (let localPort = held.first; localPort <= held.last; localPort += 1) {
    const socket = connect({ port, host: '127.0.0.1', localPort });
    const [said] = await once(socket, 'data');
    expect(String(said)).toBe(String(localPort));
    socket.destroy();
  }
});
