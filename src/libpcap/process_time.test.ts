import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processTime } from './process_time.ts';

test('the processor time of a process grows while it works, and whether it is stopped is seen', async () => {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const { pid = 0 } = child;
  await expect.poll(() => processTime(pid)?.used_ms ?? 0).toBeGreaterThan(200);
  expect(processTime(pid)?.stopped).toBe(false);
  child.kill('SIGSTOP');
  await expect.poll(() => processTime(pid)?.stopped).toBe(true);
  const { used_ms } = processTime(pid) ?? { used_ms: NaN };
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(processTime(pid)?.used_ms).toBe(used_ms);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect(processTime(pid)).toBeUndefined();
});
