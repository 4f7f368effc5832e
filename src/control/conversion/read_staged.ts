import type { Bucket } from '../../bucket/bucket.ts';

/** The bytes of an object in the staging area. */
export async function* readStaged(staging: Bucket, key: string): AsyncGenerator<Uint8Array, void, void> {
  const { body } = await staging.readObject(key);
  for await (const chunk of body) yield chunk as Uint8Array;
}
