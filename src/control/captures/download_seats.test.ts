import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { createDownloadSeats } from './download_seats.ts';

const open = async (): Promise<Readable> => await Promise.resolve(new Readable({ read: () => undefined }));

test('an account has its share of the downloads, whatever tokens it has, and others find a place', async () => {
  const bounds = { downloads: 8, downloads_of_account: 6, downloads_of_token: 2 };
  const limits = new LimitCounts({ ...limitFallbacks, ...bounds });
  const seat = createDownloadSeats(limits);
  const attacker = (token: number) => ({ account_id: 'attacker', principal_id: `token ${token}` });
  const bodies: Readable[] = [];
  for (const token of [1, 1, 2, 2, 3, 3]) bodies.push(await seat(attacker(token), open));
  await expect(seat(attacker(3), open)).rejects.toThrow(/2 downloads .* one token .*EDGETAP_DOWNLOADS_PER_TOKEN_MAX/);
  await expect(seat(attacker(4), open)).rejects.toThrow(
    /6 downloads .* one account .*EDGETAP_DOWNLOADS_PER_ACCOUNT_MAX/,
  );
  const victim = { account_id: 'victim', principal_id: 'token 5' };
  bodies.push(await seat(victim, open), await seat(victim, open));
  const other = { account_id: 'other', principal_id: 'token 6' };
  await expect(seat(other, open)).rejects.toMatchObject({ faults: [{ name: 'all_shares_used' }] });
  const used = (): unknown =>
    ['downloads', 'downloads_of_account', 'downloads_of_token'].map(
      (name) => limits.read().find((one) => one.name === name)?.used,
    );
  expect(used()).toEqual([8, 6, 2]);
  for (const body of bodies) body.destroy();
  await Promise.all(bodies.map(async (body) => await new Promise((done) => body.once('close', done))));
  expect(used()).toEqual([0, 0, 0]);
  // What could not be opened gives its places back.
  const broken = async (): Promise<Readable> => await Promise.reject(new Error('gone'));
  for (let count = 0; count < 9; count += 1) await expect(seat(victim, broken)).rejects.toThrow('gone');
  expect(used()).toEqual([0, 0, 0]);
});
