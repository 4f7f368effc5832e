import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { GuardedAgents } from './guarded_agent.ts';

/**
 * Agents whose every connection goes to one Unix socket, whatever host a URL names: no packet of it is on any interface.
 *
 * @param path of the socket, at most 107 bytes; asked for at each request
 */
export function socketAgents(path: string): GuardedAgents {
  const options = { keepAlive: true, maxSockets: 64, socketPath: path };
  const http = new HttpAgent(options);
  const https = new HttpsAgent(options);
  const close = (): void => {
    http.destroy();
    https.destroy();
  };
  return { http, https, close };
}
