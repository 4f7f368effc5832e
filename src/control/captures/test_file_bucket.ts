import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bucket } from '../../bucket/bucket.ts';
import { openFileBucket } from '../../bucket/file.ts';

/** A directory of a test's own as a bucket. */
export interface TestFileBucket {
  readonly directory: string;
  readonly bucket: Bucket;
  remove(): void;
}

/** Makes one. */
export function makeTestFileBucket(): TestFileBucket {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-bucket-'));
  const bucket = openFileBucket({
    destination: { scheme: 'file', directory },
    allowed_roots: [directory],
    intake_url: 'http://127.0.0.1:1',
    signing_keys: [new Uint8Array(32)],
    now: () => 0n,
    random_bytes: (count) => randomBytes(count),
  });
  return { directory, bucket, remove: () => rmSync(directory, { recursive: true }) };
}
