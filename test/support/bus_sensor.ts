import { ipcSensorBus } from '../../src/bus/ipc.ts';
import { busLink } from '../../src/main/bus_link.ts';
import { wireVersion } from '../../src/wire/version.ts';

// A sensor's end of the bus in a process of its own: asks once for its work, answers each look-back with 1 MB records, and knows nothing to count.
const name = process.argv[2] ?? 's1';
const bus = ipcSensorBus(busLink(), name);
bus.serve({
  nudge: () => undefined,
  async *lookback(request) {
    for (let index = 0; index < request.packet_limit; index += 1) {
      yield { kind: 'records', interface: 'eth0', linktype: 1, records: new Uint8Array(1_000_000) };
    }
    yield { kind: 'end', coverage: [] };
  },
  estimate: async () => ({ kind: 'tally', interfaces: [] }),
});
process.once('disconnect', () => process.exit(0));
const order = { kind: 'desired', version: wireVersion, sensor: name, epoch: String(process.pid) } as const;
await bus.request(order, { timeout_ms: 100_000 }).catch(() => undefined);
