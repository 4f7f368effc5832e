import { stat } from 'node:fs/promises';
import { backoffMs } from '../model/backoff.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { type GrowingFile, sealedFile } from '../upload/growing_file.ts';
import { fileSums } from '../upload/sums/file_sums.ts';
import { type UploadedFile, type UploadOptions, uploadFile } from '../upload/upload_file.ts';
import type { AskControl } from './ask_control.ts';
import type { Clock } from './clock.ts';
import { onSpool } from './on_spool.ts';
import { OrderedReader } from './ordered_reader.ts';
import type { SummedFile } from './read_summed.ts';
import type { PartSender, PartShipment } from './send_part.ts';

/** What sending parts takes. */
export interface PartSenderDeps {
  readonly ask: AskControl;
  /** The connections for signed URLs: guarded for users' buckets, free for control's own intake. */
  readonly agentsFor: UploadOptions['agentsFor'];
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

const growth_look_ms = 100;
const pauses = { base_ms: 200, cap_ms: 30_000 };
/** Only a new upload can help, or nothing can. */
const final = new Set(['upload_gone', 'bucket_checksum', 'part_file_lost', 'part_file_damaged']);
/** A disk that fails for so many tries in a row is not going to give the bytes back soon. */
const reads_max = 8;

/** Makes the sender of a sensor's parts: pieces go to signed URLs, and control puts them together. */
export function createPartSender(deps: PartSenderDeps): PartSender {
  const { ask, clock } = deps;

  /** Tries until it is done, it cannot be done this way, or the capture's own time is over. */
  const persist = async <T>(shipment: PartShipment, run: () => Promise<T>): Promise<T> => {
    const { deliverUntil, signal, trouble } = shipment;
    for (let failures = 1; ; failures += 1) {
      try {
        const done = await run();
        trouble(undefined);
        return done;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof FaultError) || final.has(error.faults[0].name)) throw error;
        const [fault] = error.faults;
        if (fault.name === 'spool_read_failed' && failures >= reads_max) {
          raise(
            'part_file_damaged',
            { path: shipment.path, reason: fault.message.replace(/\.$/, '') },
            { cause: error },
          );
        }
        if (clock.monotonic() >= deliverUntil()) {
          raise('upload_expired', { limit_h: limits.upload_expiry_s / 3600, reason: fault.message }, { cause: error });
        }
        trouble(fault);
        await clock.sleep(backoffMs(pauses, failures, deps.random()), signal);
        signal.throwIfAborted();
      }
    }
  };

  const upload = async (shipment: PartShipment, file: GrowingFile): Promise<UploadedFile> => {
    const { assignment, interface: name, attempt, journal_path, signal, trouble } = shipment;
    const { capture_id, piece_bytes } = assignment;
    return await uploadFile({
      file,
      piece_bytes,
      journal_path,
      signal,
      sign: async ({ number, length_bytes, md5_base64 }) => {
        const piece = { number, length_bytes, md5_base64 };
        // Counted from before it was asked for: it is never taken for good too long.
        const asked = clock.monotonic();
        const { url, headers, expires_at, valid_ns, own } = await ask(
          { kind: 'sign', capture_id, interface: name, attempt, piece },
          'signed',
        );
        return { url, method: 'PUT', headers, expires_at: asked + (valid_ns ?? expires_at - clock.now()), own };
      },
      agentsFor: deps.agentsFor,
      now: () => clock.monotonic(),
      sleep: async (ms, until) => await clock.sleep(ms, until),
      random: deps.random,
      get deliver_before() {
        return shipment.deliverUntil();
      },
      warn: trouble,
      arrived: () => trouble(undefined),
    });
  };

  return {
    send: async (shipment) => {
      const { assignment, interface: name, attempt, told } = shipment;
      const { capture_id } = assignment;
      let file: GrowingFile | undefined;
      const { pieces, size_bytes, sha256 } = await persist(shipment, async () =>
        onSpool(
          'spool_read_failed',
          async () => {
            file = await fileOf(shipment, clock);
            return await upload(shipment, file);
          },
          shipment.path,
        ),
      );
      await persist(shipment, async () => {
        // Control takes a part as delivered only after it has heard that it ended, and keeps what it heard last.
        await told();
        const all = [...pieces];
        const sums = [...fileSums(file?.sums?.() ?? [], limits.file_sums_max)];
        await ask(
          { kind: 'uploaded', capture_id, interface: name, attempt, pieces: all, size_bytes, sha256, sums },
          'uploaded_ok',
        );
      });
    },
  };
}

async function fileOf(shipment: PartShipment, clock: Clock): Promise<GrowingFile> {
  const { growing, path, file_bytes, points, put_in_order, assignment } = shipment;
  if (growing !== undefined) return growingFile(growing, clock);
  const size_bytes = file_bytes ?? (await stat(path)).size;
  if (put_in_order !== true) return sealedFile(path, size_bytes, points);
  return orderedFile({ path, file_bytes: size_bytes, points: points ?? [], piece_bytes: assignment.piece_bytes });
}

/** A part's file whose packets are put in order as they are read. */
function orderedFile(from: SummedFile): GrowingFile {
  let reader: OrderedReader | undefined;
  return {
    ...sealedFile(from.path, from.file_bytes),
    open: async () => (reader = await OrderedReader.open(from)),
    sums: () => reader?.points ?? [],
  };
}

/** A part's file, read while it is being written, as far as it is summed up. */
function growingFile({ part, sums }: NonNullable<PartShipment['growing']>, clock: Clock): GrowingFile {
  return {
    path: part.path,
    size_bytes: () => sums.length,
    sealed: () => sums.sealed,
    sums: () => sums.points,
    reaches: async (size_bytes, signal) => {
      while (!sums.sealed && sums.length < size_bytes && !signal.aborted) {
        await Promise.race([sums.complete, clock.sleep(growth_look_ms, signal)]);
      }
      const { file_bytes } = part.progress();
      if (sums.sealed && sums.length !== file_bytes) {
        const reason = `it could be read up to byte ${sums.length} of ${file_bytes} only`;
        raise('part_file_damaged', { path: part.path, reason });
      }
    },
  };
}
