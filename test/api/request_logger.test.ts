import { Writable } from 'node:stream';
import Fastify, { type FastifyBaseLogger } from 'fastify';
import { expect, test } from 'vitest';
import { logRedaction } from '../../src/api/log_redaction.ts';
import { RequestLogger } from '../../src/api/request_logger.ts';

function logging(): { readonly parent: FastifyBaseLogger; readonly lines: () => readonly unknown[] } {
  const written: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString());
      done();
    },
  });
  const { redact, serializers } = logRedaction;
  const logger = { base: null, timestamp: false, redact: { ...redact }, serializers: { ...serializers }, stream };
  const parent = Fastify({ logger }).log;
  return { parent, lines: () => written.map((line): unknown => JSON.parse(line)) };
}

test('lines carry the id of the request, and hide what its parent hides', () => {
  const { parent, lines } = logging();
  const logger = new RequestLogger(parent, { reqId: 'r1' }, {});
  logger.info({ token: 'secret', url: '/a?b=c' }, 'request %s', 'one');
  logger.debug('too quiet to be written');
  logger.silent();
  logger.child({ more: 2 }).warn('from its child');
  logger.level = 'trace';
  for (const level of ['trace', 'debug', 'warn', 'error', 'fatal'] as const) logger[level](level);
  expect([logger.level, parent.level]).toEqual(['trace', 'info']);
  expect(lines()).toEqual([
    { level: 30, reqId: 'r1', token: '[redacted]', url: '/a', msg: 'request one' },
    { level: 40, reqId: 'r1', more: 2, msg: 'from its child' },
    { level: 10, reqId: 'r1', msg: 'trace' },
    { level: 20, reqId: 'r1', msg: 'debug' },
    { level: 40, reqId: 'r1', msg: 'warn' },
    { level: 50, reqId: 'r1', msg: 'error' },
    { level: 60, reqId: 'r1', msg: 'fatal' },
  ]);
});

test('without a line no child is made', () => {
  const { parent } = logging();
  let made = 0;
  const counting = Object.create(parent, { child: { value: () => (made += 1) } }) as typeof parent;
  const logger = new RequestLogger(counting, { reqId: 'r1' }, {});
  expect(logger.level).toBe('info');
  expect(made).toBe(0);
});
