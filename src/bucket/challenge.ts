import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * The content of a challenge object: 32 random bytes as 64 hexadecimal characters.
 * @param random 32 unpredictable bytes
 */
export function challengeFrom(random: Uint8Array): string {
  if (random.length !== 32) throw new RangeError(`a challenge takes 32 random bytes, not ${random.length}`);
  return Buffer.from(random).toString('hex');
}

/**
 * Compares what somebody sent with the challenge, in a time that tells nothing of it. White space around it is no
 * difference, as editors and shells add it. `filename`: the name of the object was sent instead of its content.
 */
export function judgeChallenge(sent: string, challenge: string, filename: string): 'right' | 'wrong' | 'filename' {
  const answer = sent.trim();
  if (timingSafeEqual(digest(answer), digest(challenge))) return 'right';
  return answer === filename || answer.endsWith(`/${filename}`) ? 'filename' : 'wrong';
}

/** Of one length, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
