import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What a server answered. */
interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const head_end = '\r\n\r\n';

/**
 * One HTTP/1.1 connection that does no more than it must, as curl's: what is measured is the server. Answers must say how long they
 * are.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #host: string;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
  }

  /** Connects to an `http` URL's host. */
  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port, host } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new HttpConnection(socket, host);
  }

  /** Sends a request and waits for all of its answer. */
  async ask(method: string, path: string, token: string, body?: string): Promise<Answer> {
    const type =
      body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nauthorization: Bearer ${token}\r\n${type}\r\n`;
    return await new Promise((resolve, reject) => {
      const socket = this.#socket;
      const pieces: Buffer[] = [];
      let [missing, status] = [-1, 0];
      const end = (finish: () => void): void => {
        socket.off('data', take).off('error', fail).off('close', gone);
        finish();
      };
      const fail = (error: Error): void => end(() => reject(error));
      const gone = (): void => fail(new Error(`${method} ${path}: the connection was closed`));
      const take = (piece: Buffer): void => {
        let rest = piece;
        if (missing < 0) {
          const so_far = Buffer.concat([...pieces.splice(0), piece]);
          const at = so_far.indexOf(head_end);
          if (at < 0) return void pieces.push(so_far);
          const text = so_far.toString('latin1', 0, at);
          status = Number(text.slice(9, 12));
          const length = /^content-length: *(\d+)/im.exec(text)?.[1];
          if (length === undefined) return fail(new Error(`${method} ${path} was answered without a length: ${text}`));
          missing = Number(length);
          rest = so_far.subarray(at + head_end.length);
        }
        pieces.push(rest);
        missing -= rest.length;
        if (missing <= 0) end(() => resolve({ status, body: Buffer.concat(pieces) }));
      };
      socket.on('data', take).on('error', fail).on('close', gone);
      socket.write(`${head}${body ?? ''}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
