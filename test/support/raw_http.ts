import { connect, type Socket } from 'node:net';
import { waitFor } from './wait_for.ts';

/** One answer as it came over a connection. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection on which a test writes bytes itself. */
export interface RawConnection {
  readonly socket: Socket;
  write(bytes: string | Uint8Array): void;
  /** Waits for so many answers since the beginning, and gives them all. */
  answers(count: number): Promise<readonly RawAnswer[]>;
  /** Waits until the server has closed, and gives all answers. Fails where bytes came that are no answer. */
  closed(): Promise<readonly RawAnswer[]>;
}

/** Opens a connection to the server of this URL. */
export function rawConnection(url: string): RawConnection {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const event of ['end', 'close', 'error'] as const) {
    socket.on(event, () => {
      ended = true;
    });
  }
  const read = (): ReturnType<typeof parseAnswers> => parseAnswers(Buffer.concat(chunks));
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    answers: async (count) => {
      await waitFor(() => ended || read().answers.length >= count, { what: `${count} answers` });
      return read().answers;
    },
    closed: async () => {
      await waitFor(() => ended, { what: 'the server to close' });
      const { answers, left } = read();
      if (left !== '') throw new Error(`this is no answer: ${left}`);
      return answers;
    },
  };
}

/** The whole answers in these bytes, each with a Content-Length, and what is left after them. */
function parseAnswers(bytes: Buffer): { readonly answers: readonly RawAnswer[]; readonly left: string } {
  const answers: RawAnswer[] = [];
  let text = bytes.toString('latin1');
  for (;;) {
    const end = text.indexOf('\r\n\r\n');
    const [first = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n');
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
    if (end === -1 || status === undefined) return { answers, left: text };
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = status === '100' ? 0 : Number(headers['content-length'] ?? 0);
    if (text.length < end + 4 + length) return { answers, left: text };
    const body = text.slice(end + 4, end + 4 + length);
    if (status !== '100') answers.push({ status: Number(status), headers, body });
    text = text.slice(end + 4 + length);
  }
}
