import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { OpenFile } from './file_calls.ts';
import { factsOf } from './file_facts.ts';

const { O_CREAT, O_TRUNC } = fs.constants;
const open = promisify(fs.open);
const read = promisify(fs.read);
const write = promisify(fs.write);
const close = promisify(fs.close);
const sync = promisify(fs.fsync);
const datasync = promisify(fs.fdatasync);

/**
 * Opens a file on a file system of edgetap's own. What the system answers out of its memory (what is there, its size, that it is not needed any
 * more) is asked at once: on another thread it would come back a turn of the event loop later, which is long where others keep that busy.
 * What reads, writes or makes files has a thread.
 */
export async function openOwnFile(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const makes = (flags & (O_CREAT | O_TRUNC)) !== 0;
  const fd = makes ? await open(path, flags, mode) : fs.openSync(path, flags);
  return {
    fd,
    writeAll: async (bytes, position) => {
      for (let done = 0; done < bytes.length; ) {
        done += (await write(fd, bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    },
    read: async (buffer, position) => {
      const { bytesRead } = await read(fd, buffer, 0, buffer.length, position);
      return buffer.subarray(0, bytesRead);
    },
    sync: async () => await sync(fd),
    datasync: async () => await datasync(fd),
    stat: async () => factsOf(fs.fstatSync(fd)),
    stream: (first, last, chunk_bytes) =>
      fs.createReadStream('', { fd, start: first, end: last, highWaterMark: chunk_bytes, autoClose: true }),
    // What was written may still be on its way to a disk far away, and that is told here.
    close: async () => (makes ? await close(fd) : fs.closeSync(fd)),
  };
}
