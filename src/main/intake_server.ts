import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IntakeAnswer, IntakeRequest } from '../bucket/piece_intake.ts';

/** A listener for pieces of parts, apart from the API: on loopback only, and only for signed URLs. */
export interface IntakeServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the intake on a free port of the loopback interface. What comes before `accept` is known waits. */
export async function openIntake(
  accept: () => (request: IntakeRequest) => Promise<IntakeAnswer>,
  crash: (error: unknown) => void,
): Promise<IntakeServer> {
  const server: Server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    accept()({ method, url, headers, body: request }).then((answer) => {
      // A body that was not read to its end cannot be followed by another request.
      const connection = request.readableEnded ? {} : { connection: 'close' };
      response.writeHead(answer.status, { ...answer.headers, ...connection }).end(answer.body);
    }, crash);
  });
  // A piece may take long over a slow disk; who sends it has its own clock.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
