import { afterAll, beforeAll, describe } from 'vitest';
import type { Database } from './database.ts';
import { accountsSuite } from './suite/accounts_suite.ts';
import { capturesSuite } from './suite/captures_suite.ts';
import { createsSuite } from './suite/creates_suite.ts';
import { leasesSuite } from './suite/leases_suite.ts';
import { sensorsSuite } from './suite/sensors_suite.ts';
import { transactionsSuite } from './suite/transactions_suite.ts';

/** What every database must do, whatever it runs on: declares its tests. `open` gives an empty one with the newest schema. */
export function databaseSuite(name: string, open: () => Promise<Database>): void {
  describe(name, () => {
    let opened: Database | undefined;
    const database = (): Database => {
      if (opened === undefined) throw new Error('the database is not open yet');
      return opened;
    };
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });
    describe('transactions', () => transactionsSuite(database));
    describe('captures and parts', () => capturesSuite(database));
    describe('sensors', () => sensorsSuite(database));
    describe('accounts', () => accountsSuite(database));
    describe('claims on creates', () => createsSuite(database));
    describe('leases', () => leasesSuite(database));
  });
}
