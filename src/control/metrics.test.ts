import { expect, test } from 'vitest';
import { openDatabase } from '../db/open_database.ts';
import { type SensorSamples, upsertSensor } from '../db/sensors.ts';
import { createMetrics } from './metrics.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';

const port = { interface: 'eth0', rate: 1, packets: 5n, dropped: 0n, bytes: 9n };
const refused = { name: 'filter_attach_failed', code: 1504, message: 'The kernel did not take the filter.' };

test('an interface that is to be sampled and is not is told with the reason, as long as that lasts', async () => {
  const db = await openDatabase({ url: ':memory:', clock: () => 5_000_000_000n });
  try {
    const metrics = createMetrics(db, new LimitCounts(limitFallbacks), () => 0);
    const described = async (samples: readonly SensorSamples[]): Promise<string> => {
      await db.transaction(async (tx) => {
        const beat = { name: 's1', colo: 'lab01', epoch: 'e', version: 1, last_heard: 5n, interfaces: [], samples };
        await upsertSensor(tx, { ...beat, spool_used_bytes: 1n, spool_limit_bytes: 2n });
      });
      return await metrics.text();
    };
    const line = /^edgetap_samples_fault\{sensor="s1",interface="eth0",fault="filter_attach_failed"\} 1$/m;
    expect(await described([{ ...port, fault: refused }])).toMatch(line);
    expect(await described([port])).not.toMatch(/^edgetap_samples_fault\{/m);
  } finally {
    await db.close();
  }
});
