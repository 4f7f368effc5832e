import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import { cutIdleAnswers } from './cut_idle_answers.ts';

const big = Buffer.alloc(50_000_000);

/** A server that cuts after a second, and how often it has. */
async function listening(
  answer: (response: ServerResponse) => void,
): Promise<{ port: number; cut: () => number; close: () => void }> {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const limits = new LimitCounts({ ...limitFallbacks, answer_idle: 1 });
  const server = createServer((request, response) => {
    latest.set(request.socket, response);
    answer(response);
  });
  cutIdleAnswers(server, { latest, limits, logger: Fastify().log });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => limits.read().find(({ name }) => name === 'answer_idle')?.refused ?? 0,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function ask(port: number, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

test('answer_not_taken: a client that takes nothing is cut off', async () => {
  const closed = Promise.withResolvers<void>();
  const { port, cut, close } = await listening((response) => {
    response.once('close', () => closed.resolve());
    response.end(big);
  });
  const socket = ask(port, '/');
  socket.pause();
  await closed.promise;
  expect(cut()).toBe(1);
  socket.destroy();
  close();
});

test('one whose answer is not made yet waits for it, and one without any is closed', async () => {
  const { port, cut, close } = await listening((response) => void setTimeout(() => response.end('made'), 2500));
  const slow = ask(port, '/slow');
  const idle = connect(port, '127.0.0.1');
  const ended = once(idle, 'close');
  idle.resume();
  const [made] = (await once(slow, 'data')) as [Buffer];
  expect(String(made)).toContain('made');
  await ended;
  expect(cut()).toBe(0);
  slow.destroy();
  close();
});
