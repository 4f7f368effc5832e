import { FaultError, type Fault, fault } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';
import { openUploadJournal, type UploadJournal } from './upload_journal.ts';

/**
 * Opens an upload's journal. Where the disk does not take it (it is full, say), pieces are remembered in memory: a file must
 * be able to leave a full disk, and a crash then only sends again what was not written down. `warn` hears of that.
 * @throws {FaultError} `journal_invalid`
 */
export async function openLenientJournal(
  path: string,
  piece_bytes: number,
  warn: (fault: Fault) => void,
): Promise<UploadJournal> {
  const pieces = new Map<number, UploadedPiece>();
  /** The result; undefined where the system refused. */
  const attempt = async <T>(run: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await run();
    } catch (error) {
      if (error instanceof FaultError || !(error instanceof Error) || !('errno' in error)) throw error;
      warn(fault('journal_unwritable', { path, reason: error.message }));
      return undefined;
    }
  };
  const opened = await attempt(async () => await openUploadJournal(path, piece_bytes));
  /** Undefined from its first failure on: what is written behind half a line is not read, and a sync that failed proves nothing later. */
  let journal = opened;
  for (const [number, piece] of journal?.pieces ?? []) pieces.set(number, piece);
  return {
    pieces,
    append: async (piece) => {
      pieces.set(piece.number, piece);
      const writable = journal;
      if (writable === undefined) return;
      const written = await attempt(async () => {
        await writable.append(piece);
        return true;
      });
      if (written !== true) journal = undefined;
    },
    close: async () => {
      await attempt(async () => await opened?.close());
    },
  };
}
