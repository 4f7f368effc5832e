import { describe, expect, test } from 'vitest';
import { listAudit } from '../../../src/db/audit.ts';
import type { ContractWorld } from './contract_world.ts';

/** What is written down of everything that is done. */
export function auditContract(world: () => ContractWorld): void {
  describe('an audit row', () => {
    test('is written of every create, stop, download, bucket and token change: who, what, from where', async () => {
      const { ask, bucket, create, becomes, db, edgetap } = world();
      const account = await edgetap('account', 'create', 'audited', '--sensors', 'all');
      await edgetap('account', 'grant', account, '--networks', 'all');
      const as = await edgetap('token', 'create', '--account', account, '--name', 'auditor', '--permission', 'write');
      const about = { account, as, headers: { 'x-forwarded-for': '203.0.113.9' } };
      const principal = String((await ask('GET', '/user/tokens/verify', about)).body.result['id']);
      const destination_conf = await bucket('audited', about);
      const { id } = await create({ type: 'full', time_limit: 60, colo_name: 'lab01', destination_conf }, about);
      for (const _ of [1, 2]) await ask('PUT', `/pcaps/${id}/stop`, about);
      await becomes(id, ['success'], about);
      await ask('HEAD', `/pcaps/${id}/download`, about);
      await ask('GET', `/pcaps/${id}/download`, { ...about, headers: { ...about.headers, range: 'bytes=0-3' } });
      const owned = (await ask('GET', '/pcaps/ownership', about)).body.result as unknown as { id: string }[];
      const bucketId = owned[0]?.id ?? '';
      await ask('DELETE', `/pcaps/ownership/${bucketId}`, about);
      // What is refused changes nothing and is no row.
      await ask('POST', '/pcaps', { ...about, body: {} });
      await ask('PUT', `/pcaps/${'f'.repeat(32)}/stop`, about);
      const user = JSON.parse(
        await edgetap('user', 'create', 'eve@example.com', '--account', account, '--permission', 'read', '--json'),
      ) as { id: string };
      await edgetap('user', 'revoke', user.id);
      await edgetap('token', 'revoke', principal);
      const rows = (await listAudit(db, account, 100)).toReversed();
      const operator = ['operator', 'local'];
      // Behind no proxy that is trusted, a client's word on where it is counts for nothing.
      const client = [principal, '127.0.0.1'];
      expect(rows.map((row) => [row.action, row.subject, row.principal_id, row.address])).toEqual([
        ['account.create', account, ...operator],
        ['account.grant', account, ...operator],
        ['token.create', principal, ...operator],
        ['bucket.add', bucketId, ...client],
        ['bucket.validate', bucketId, ...client],
        ['capture.create', id, ...client],
        ['capture.stop', id, ...client],
        ['capture.download', id, ...client],
        ['bucket.remove', bucketId, ...client],
        ['user.create', user.id, ...operator],
        ['user.revoke', user.id, ...operator],
        ['token.revoke', principal, ...operator],
      ]);
      expect(
        JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
      ).not.toContain(as);
    });
  });
}
