import { hash, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../audit.ts';

/** Makes the content of a challenge object: 64 hexadecimal characters that nobody can guess. */
export function makeChallenge(random: RandomBytes): string {
  return Buffer.from(random(32)).toString('hex');
}

/** What is stored of a challenge: SHA-256 of its content, in hex. */
export function challengeDigest(content: string): string {
  return hash('sha256', content, 'hex');
}

/** Is this the content that has that digest? In constant time. */
export function isChallenge(content: string, digest: string): boolean {
  return timingSafeEqual(hash('sha256', content, 'buffer'), Buffer.from(digest, 'hex'));
}

/** Did somebody send the challenge file's name (or its path, or its URI) where its content belongs? */
export function isFilename(content: string, filename: string): boolean {
  const [path = ''] = content.split(/[?#]/, 1);
  return path.slice(path.lastIndexOf('/') + 1) === filename;
}
