import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createProcessLimit, type ProcessLimit } from '../../test/support/process_limit.ts';
import { withoutRoot } from '../../test/support/without_root.ts';

let child: ChildProcess | undefined;
let limit: ProcessLimit | undefined;
afterEach(async () => {
  child?.kill('SIGKILL');
  await limit?.remove();
  [child, limit] = [undefined, undefined];
});

async function told(by: ChildProcess): Promise<unknown> {
  const [message]: unknown[] = await once(by, 'message');
  return message;
}

describe.skipIf(withoutRoot('a limit of processes'))('a thread that the system does not allow', () => {
  test('is told as such, with the cause in words and what to raise, and starts once it may', async () => {
    const started = fork(new URL('./test_thread_child.ts', import.meta.url), { execArgv: [] });
    child = started;
    expect(await told(started)).toBe('ready');
    const few = createProcessLimit();
    limit = few;
    few.take(started.pid ?? 0);
    few.allow(few.current());
    started.send('start');
    expect(await told(started)).toMatchObject({
      name: 'thread_unstarted',
      message: expect.stringMatching(/: resource temporarily unavailable \(EAGAIN\)\. Raise .*pids\.max/),
    });
    few.allow('max');
    started.send('start');
    expect(await told(started)).toBe('ended with 0');
  });
});
