import type { Bucket, Upload } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf, updatePart } from '../../db/parts.ts';
import { capturesToClear, deleteUpload, insertUpload, keepStagedSums, type UploadRecord } from '../../db/uploads.ts';
import { raise } from '../../model/errors/fault.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import type { SignedPiece } from '../../model/piece.ts';
import type { SensorRequest } from '../../wire/sensor_messages.ts';
import type { Keeper } from '../captures/keeper.ts';
import { abandonUpload, type ClearDeps, clearUploads } from './clear_uploads.ts';
import { oneAtATime } from './one_at_a_time.ts';
import { resultName, stagingName } from './place_of.ts';

type SignRequest = Extract<SensorRequest, { kind: 'sign' }>;
type UploadedRequest = Extract<SensorRequest, { kind: 'uploaded' }>;

/** Control's side of a part's way from a sensor's spool to its place. */
export interface PartDelivery {
  /** Signs one piece; the first starts the upload. Throws `not_found` when the part is wanted no more. */
  sign(request: SignRequest): Promise<SignedPiece>;
  /** Puts a part's pieces together and takes it as delivered. Idempotent: also answers when that was done before. */
  complete(request: UploadedRequest): Promise<void>;
  /** Aborts what uploads a capture still has and removes its staged parts: for one that is over. */
  discard(captureId: string): Promise<void>;
  /** Does that for every capture that is over and has something left, until the signal fires. */
  discardLeft(signal: AbortSignal): Promise<void>;
}

/** Where a part goes. */
interface Place {
  readonly place: UploadRecord['place'];
  readonly bucket: Bucket;
  readonly key: string;
}

/** An upload that takes pieces. */
interface OpenUpload extends Upload {
  readonly bucket: Bucket;
}

const pcap_type = 'application/vnd.tcpdump.pcap';

/** Makes the delivery of parts over the buckets of captures and the staging area. */
export function createPartDelivery(deps: ClearDeps & { readonly keeper: () => Keeper }): PartDelivery {
  const { db, buckets, staging } = deps;
  const starting = oneAtATime<OpenUpload>();
  const completing = oneAtATime<void>();

  const placeOf = async (record: CaptureRecord, part: PartRecord): Promise<Place> =>
    record.delivery === 'direct'
      ? { place: 'bucket', bucket: await buckets.ofCapture(record), key: resultName(record) }
      : { place: 'staging', bucket: staging, key: stagingName(part) };

  const find = async (request: {
    readonly capture_id: string;
    readonly sensor: string;
    readonly interface: string;
  }): Promise<{ record: CaptureRecord; part: PartRecord }> => {
    const record = await captureById(db, request.capture_id);
    const parts = record === undefined ? [] : await partsOf(db, request.capture_id);
    const part = parts.find((one) => one.sensor === request.sensor && one.interface === request.interface);
    if (record === undefined || part === undefined) return raise('not_found', { what: 'part' });
    return { record, part };
  };

  /** The upload of this attempt: begun and stored before a first piece is signed. */
  const uploadOf = async (request: SignRequest): Promise<OpenUpload> => {
    const { attempt } = request;
    const { record, part } = await find(request);
    if (isFinal(record.status) || (part.phase !== 'armed' && part.phase !== 'ended')) {
      raise('not_found', { what: 'part' });
    }
    const { place, bucket, key } = await placeOf(record, part);
    if (part.upload_id !== undefined && (part.upload_attempt ?? 0) === attempt) {
      return { bucket, key, upload_id: part.upload_id };
    }
    // A sensor that could not write down how often it has tried.
    if (part.upload_id !== undefined && (part.upload_attempt ?? 0) > attempt) {
      raise('upload_gone', { destination: bucket.destination, key });
    }
    const upload_id = await bucket.startUpload(key, record.piece_bytes, pcap_type);
    const uploadNamed = (id: string): UploadRecord => ({
      capture_id: record.id,
      upload_id: id,
      object_key: key,
      place,
    });
    const kept = await db.transaction(async (tx) => {
      const now = (await partsOf(tx, part.capture_id)).find((one) => one.ordinal === part.ordinal);
      // Two controls may have begun one each: the first that is stored counts.
      if (now === undefined || now.upload_id !== part.upload_id) return now?.upload_id;
      await updatePart(tx, part, { upload_id, upload_attempt: attempt, object_key: key });
      await insertUpload(tx, uploadNamed(upload_id));
      return upload_id;
    });
    // The upload of an earlier attempt is cleared up at the end: nobody needs to wait for it.
    if (kept !== upload_id) await abandonUpload(deps, record, uploadNamed(upload_id));
    return { bucket, key, upload_id: kept ?? raise('not_found', { what: 'part' }) };
  };

  const complete = async (request: UploadedRequest): Promise<void> => {
    const { record, part } = await find(request);
    if (part.phase === 'uploaded' && part.sha256 === request.sha256) return;
    if (isFinal(record.status) || part.phase !== 'ended' || part.upload_id === undefined) {
      raise('not_found', { what: 'part' });
    }
    const { place, bucket, key } = await placeOf(record, part);
    if ((part.upload_attempt ?? 0) !== request.attempt) {
      raise('upload_gone', { destination: bucket.destination, key });
    }
    const { capture_id, sensor, interface: name, pieces, sha256 } = request;
    const { upload_id } = part;
    const { size_bytes } = await bucket.completeUpload({ key, upload_id, pieces });
    // Before the capture can be over, which clears up what is remembered.
    if (place === 'bucket') await db.transaction(async (tx) => await deleteUpload(tx, { capture_id, upload_id }));
    else if (request.sums !== undefined) {
      const { sums } = request;
      await db.transaction(async (tx) => await keepStagedSums(tx, { capture_id, upload_id }, sums));
    }
    const at = await db.now();
    const states = await deps
      .keeper()
      .take([{ capture_id, events: [{ kind: 'uploaded', at, sensor, interface: name, size_bytes, sha256 }] }]);
    const now = states.get(capture_id)?.parts.find((one) => one.ordinal === part.ordinal);
    if (now?.phase !== 'uploaded') raise('not_found', { what: 'part' });
  };

  const discard = async (captureId: string): Promise<void> => {
    const record = await captureById(db, captureId);
    if (record !== undefined) await clearUploads(deps, record);
  };

  return {
    sign: async (request) => {
      const { bucket, key, upload_id } = await starting(keyOf(request), async () => await uploadOf(request));
      return await bucket.signPiece({ key, upload_id, piece: request.piece });
    },
    // Putting a large object together takes longer than a sensor waits for an answer.
    complete: async (request) => await completing(keyOf(request), async () => await complete(request)),
    discard,
    discardLeft: async (signal) => {
      for (const captureId of await capturesToClear(db)) {
        if (signal.aborted) return;
        await discard(captureId);
      }
    },
  };
}

function keyOf(request: SignRequest | UploadedRequest): string {
  return JSON.stringify([request.capture_id, request.sensor, request.interface, request.attempt]);
}
