import { expect, test } from 'vitest';
import type { Bucket } from '../../bucket/bucket.ts';
import { writeChallenge } from './write_challenge.ts';

test('a bucket that does not answer is told when the time is over, whatever it does with the signal', async () => {
  const deadline = new AbortController();
  const begun = Promise.withResolvers<void>();
  const write = async (): Promise<never> => {
    begun.resolve();
    return await new Promise(() => undefined);
  };
  const bucket = { destination: 's3://silent', writeObject: write } as unknown as Bucket;
  const writing = writeChallenge(bucket, 'f', 'c', deadline.signal);
  await begun.promise;
  deadline.abort();
  await expect(writing).rejects.toMatchObject({
    faults: [
      {
        name: 'bucket_write_failed',
        pointer: '/destination_conf',
        message: expect.stringContaining('no answer within 18 s'),
      },
    ],
  });
});
