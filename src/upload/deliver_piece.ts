import { type Backoff, backoffMs } from '../model/backoff.ts';
import { type Fault, FaultError, fault, kindOf, raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { Piece, SignedPiece, UploadedPiece } from '../model/piece.ts';
import type { TimeNs } from '../model/time.ts';
import type { GuardedAgents } from '../net/guarded_agent.ts';
import { type Verdict, judgeAnswer } from './judge_answer.ts';
import { sendPiece } from './send_piece.ts';

/** What delivering pieces needs of the world. */
export interface DeliveryWorld {
  /** Asks control for a signed URL. */
  readonly sign: (piece: Piece, signal: AbortSignal) => Promise<SignedPiece>;
  /** The connections for a signed URL: it is a user's, or edgetap's own. */
  readonly agentsFor: (signed: SignedPiece) => GuardedAgents;
  /** A clock that nobody sets: monotonic. `deliver_before` and the `expires_at` of what `sign` gives are its moments. */
  readonly now: () => TimeNs;
  /** Resolves after so many milliseconds, or when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
  /** After this moment a failure is final. */
  readonly deliver_before: TimeNs;
  /** Hears of every failed try that is followed by another. */
  readonly warn: (fault: Fault) => void;
}

/** A piece, and where its bytes come from. */
export interface OutgoingPiece extends Piece {
  /** The hexadecimal form of `md5_base64`. */
  readonly md5: string;
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

const pauses: Backoff = { base_ms: 500, cap_ms: 30_000 };
/** Refusals in a row, about two minutes of them: a bucket policy or a clock may be put right meanwhile. */
const refusals_max = 10;
/** Control's own word that only a new upload can help; bytes that are not there to be sent any more. */
const hopeless = new Set(['upload_gone', 'part_file_damaged']);
/** A signature with less than this left is not used. */
const signature_margin = 30_000_000_000n;

/**
 * Sends one piece until the bucket has confirmed it. Cut connections, servers that are down, and old signatures are tried
 * again, with pauses that double up to 30 s, until `deliver_before`; what looks like a refusal (4xx, a redirect, an
 * endpoint that the guard refuses, control that will not sign) ten times in a row, and then it is final.
 * @param signing a signature that is asked for already
 * @throws {FaultError} `upload_refused`, `upload_expired`, `upload_gone`, `part_file_damaged`, or the guard's or control's refusal
 */
export async function deliverPiece(
  piece: OutgoingPiece,
  world: DeliveryWorld,
  signal: AbortSignal,
  signing?: Promise<SignedPiece>,
): Promise<UploadedPiece> {
  let asked = signing;
  const order: Piece = orderOf(piece);
  let signed: SignedPiece | undefined;
  let refusals = 0;
  for (let failures = 1; ; failures += 1) {
    let where = 'control';
    let refusal: FaultError | undefined;
    let verdict: Verdict;
    let wish_ms = 0;
    try {
      signed ??= await (asked ?? world.sign(order, signal));
      // Asked for early, it may have waited long for its turn.
      if (isOld(signed, world)) signed = await world.sign(order, signal);
      where = new URL(signed.url).host;
      const answer = await sendPiece(signed, piece.bytes(), world.agentsFor(signed), signal);
      wish_ms = Math.min(answer.retry_after_ms, pauses.cap_ms);
      verdict = judgeAnswer(answer);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FaultError && hopeless.has(error.faults[0].name)) throw error;
      refusal = finalRefusal(error);
      verdict = { is: refusal === undefined ? 'passing' : 'refused', reason: reasonOf(error) };
    }
    if (verdict.is === 'done') {
      const { number, length_bytes, md5 } = piece;
      return { number, length_bytes, md5, etag: verdict.etag };
    }
    if (verdict.is === 'gone') return raise('upload_gone', { destination: where, key: `piece ${piece.number}` });
    refusals = verdict.is === 'refused' ? refusals + 1 : 0;
    const { reason } = verdict;
    const failure =
      verdict.is === 'refused'
        ? fault('upload_refused', { destination: where, piece: piece.number, reason })
        : fault('upload_failed', { piece: piece.number, reason: `${where}: ${reason}` });
    if (refusals >= refusals_max) throw refusal ?? new FaultError([failure]);
    const pause_ms = Math.max(wish_ms, backoffMs(pauses, failures, world.random()));
    if (world.now() + BigInt(Math.ceil(pause_ms)) * 1_000_000n >= world.deliver_before) {
      raise('upload_expired', { limit_h: limits.upload_expiry_s / 3600, reason });
    }
    world.warn(failure);
    // Only an answer that blames neither signature nor request leaves the signature good. Edgetap's own intake may listen
    // elsewhere now: control was started again.
    if (verdict.is !== 'passing' || signed?.own === true || (signed !== undefined && isOld(signed, world))) {
      signed = undefined;
    }
    asked = undefined;
    await world.sleep(verdict.is === 'expired' && failures === 1 ? 0 : pause_ms, signal);
    signal.throwIfAborted();
  }
}

/** What control is to sign: plain data. */
export function orderOf({ number, length_bytes, md5_base64 }: Piece): Piece {
  return { number, length_bytes, md5_base64 };
}

function isOld(signed: SignedPiece, world: DeliveryWorld): boolean {
  return signed.expires_at - world.now() <= signature_margin;
}

/** A refusal of the guard or of control that would be the same the next time. */
function finalRefusal(error: unknown): FaultError | undefined {
  return error instanceof FaultError && kindOf(error.faults[0]).retry === 'no' ? error : undefined;
}

/** Words without the signed URL: the system's code, or a fault's message. */
function reasonOf(error: unknown): string {
  if (error instanceof FaultError) return error.message;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'unknown';
}
