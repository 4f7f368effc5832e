import type { Bucket } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { partsOf, updatePart } from '../../db/parts.ts';
import { raise } from '../../model/errors/fault.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import type { SignedPiece } from '../../model/piece.ts';
import type { SensorRequest } from '../../wire/sensor_messages.ts';
import type { Keeper } from '../captures/keeper.ts';
import type { CaptureBuckets } from './capture_buckets.ts';
import { resultName, stagingName } from './place_of.ts';

type SignRequest = Extract<SensorRequest, { kind: 'sign' }>;
type UploadedRequest = Extract<SensorRequest, { kind: 'uploaded' }>;

/** Control's side of a part's way from a sensor's spool to its place. */
export interface PartDelivery {
  /** Signs one piece; the first starts the upload. Throws `not_found` when the part is wanted no more. */
  sign(request: SignRequest): Promise<SignedPiece>;
  /** Puts a part's pieces together and takes it as delivered. Idempotent: also answers when that was done before. */
  complete(request: UploadedRequest): Promise<void>;
  /** Aborts what uploads a capture still has and removes its staged parts. */
  discard(captureId: string): Promise<void>;
}

/** A part, its capture, and where it goes. */
interface Place {
  readonly record: CaptureRecord;
  readonly part: PartRecord;
  readonly bucket: Bucket;
  readonly key: string;
}

const pcap_type = 'application/vnd.tcpdump.pcap';

/** Makes the delivery of parts over the buckets of captures and the staging area. */
export function createPartDelivery(deps: {
  readonly db: Database;
  readonly keeper: () => Keeper;
  readonly buckets: CaptureBuckets;
  readonly staging: Bucket;
}): PartDelivery {
  const { db, buckets, staging } = deps;

  const placeOf = async (record: CaptureRecord, part: PartRecord): Promise<Place> =>
    record.delivery === 'direct'
      ? { record, part, bucket: await buckets.ofCapture(record), key: resultName(record) }
      : { record, part, bucket: staging, key: stagingName(part) };

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

  /** The upload of this attempt: begun and stored before a first piece is signed, the one before it aborted. */
  const uploadOf = async (place: Place, attempt: number): Promise<string> => {
    const { record, part, bucket, key } = place;
    if (part.upload_id !== undefined && (part.upload_attempt ?? 0) === attempt) return part.upload_id;
    if (part.upload_id !== undefined && (part.upload_attempt ?? 0) > attempt) raise('not_found', { what: 'upload' });
    const upload_id = await bucket.startUpload(key, record.piece_bytes, pcap_type);
    const kept = await db.transaction(async (tx) => {
      const now = (await partsOf(tx, part.capture_id)).find((one) => one.ordinal === part.ordinal);
      // Two requests may have begun one each: the first that is stored counts.
      if (now === undefined || now.upload_id !== part.upload_id) return now?.upload_id;
      await updatePart(tx, part, { upload_id, upload_attempt: attempt, object_key: key });
      return upload_id;
    });
    if (kept !== upload_id) await bucket.abortUpload({ key, upload_id });
    else if (part.upload_id !== undefined) await bucket.abortUpload({ key, upload_id: part.upload_id });
    return kept ?? raise('not_found', { what: 'part' });
  };

  return {
    sign: async (request) => {
      const { record, part } = await find(request);
      if (isFinal(record.status) || (part.phase !== 'armed' && part.phase !== 'ended')) {
        raise('not_found', { what: 'part' });
      }
      const place = await placeOf(record, part);
      const upload_id = await uploadOf(place, request.attempt);
      return await place.bucket.signPiece({ key: place.key, upload_id, piece: request.piece });
    },
    complete: async (request) => {
      const { record, part } = await find(request);
      if (part.phase === 'uploaded' && part.sha256 === request.sha256) return;
      if (isFinal(record.status) || part.phase !== 'ended' || part.upload_id === undefined) {
        raise('not_found', { what: 'part' });
      }
      if ((part.upload_attempt ?? 0) !== request.attempt) raise('not_found', { what: 'upload' });
      const place = await placeOf(record, part);
      await place.bucket.completeUpload({ key: place.key, upload_id: part.upload_id, pieces: request.pieces });
      const { capture_id, sensor, interface: name, size_bytes, sha256 } = request;
      const at = await db.now();
      const states = await deps
        .keeper()
        .take([{ capture_id, events: [{ kind: 'uploaded', at, sensor, interface: name, size_bytes, sha256 }] }]);
      const now = states.get(capture_id)?.parts.find((one) => one.ordinal === part.ordinal);
      if (now?.phase !== 'uploaded') raise('not_found', { what: 'part' });
    },
    discard: async (captureId) => {
      const record = await captureById(db, captureId);
      if (record === undefined) return;
      for (const part of await partsOf(db, captureId)) {
        if (part.upload_id === undefined) continue;
        const { bucket, key } = await placeOf(record, part);
        if (part.phase !== 'uploaded') await bucket.abortUpload({ key, upload_id: part.upload_id });
        if (record.delivery === 'staged') await bucket.removeObject(key);
      }
    },
  };
}
