import { closeSync, openSync } from 'node:fs';

import { lastError, setns } from './libc.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Runs a synchronous function with this thread inside a named network namespace (`ip netns`), and comes back. Sockets
 * and devices opened by it stay in that namespace afterwards. Without a name it just runs the function here.
 */
export function enterNamespace<T>(namespace: string | undefined, run: () => T): T {
  if (namespace === undefined) return run();
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const there = openSync(`/run/netns/${namespace}`, 'r');
    try {
      if (setns(there, CLONE_NEWNET) !== 0) throw lastError(`setns ${namespace}`);
    } finally {
      closeSync(there);
    }
    try {
      return run();
    } finally {
      // A thread that stays abroad would make every later test lie.
      if (setns(home, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    closeSync(home);
  }
}
