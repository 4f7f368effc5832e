import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { socketAgents } from './socket_agents.ts';

test('every request goes to the socket, whatever host its URL names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-agents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const server = createServer((asked, answer) => answer.end(`${asked.headers.host}${asked.url}`));
  const path = join(folder, 'one.sock');
  server.listen(path);
  await once(server, 'listening');
  const agents = socketAgents(path);
  onTestFinished(() => {
    agents.close();
    server.close();
  });
  for (const host of ['intake', '192.0.2.1:9']) {
    const asking = request(`http://${host}/a?b=c`, { agent: agents.http }).end();
    const [answer] = await once(asking, 'response');
    expect(await text(answer)).toBe(`${host}/a?b=c`);
  }
});
