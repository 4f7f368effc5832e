import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { processLink } from './process_link.ts';

/** An IPC pipe whose other end is the test. */
function pipe(): { end: EventEmitter & { connected: boolean }; say: (message: unknown) => void } {
  const end = Object.assign(new EventEmitter(), { connected: true });
  return { end, say: (message) => void end.emit('message', message) };
}

describe('a link over Node IPC', () => {
  test('keeps what comes before the first listener, for all that are attached in one go, in order', async () => {
    const { end, say } = pipe();
    const link = processLink(end, 'the supervisor');
    say(1);
    say(2);
    const heard: unknown[] = [];
    link.onMessage((message) => heard.push(['a', message]));
    link.onMessage((message) => heard.push(['b', message]));
    expect(heard).toEqual([]);
    say(3);
    await turn();
    say(4);
    expect(heard).toEqual([1, 2, 3, 4].flatMap((message) => ['a', 'b'].map((name) => [name, message])));
  });

  test('a pipe that is not connected sends nothing and says so', async () => {
    const { end } = pipe();
    end.connected = false;
    await expect(processLink(end, 'the supervisor').send(1)).rejects.toMatchObject({
      faults: [{ name: 'bus_closed' }],
    });
  });
});
