import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { countByStatus } from '../db/captures.ts';
import type { Database } from '../db/database.ts';
import { listSensors } from '../db/sensors.ts';
import { heldShares } from './captures/held_shares.ts';
import type { LimitCounts } from '../model/limit_counts.ts';

/** What control counts for Prometheus; see docs/operations.md for every name. */
export interface Metrics {
  /** The text that Prometheus reads. */
  text(): Promise<string>;
  /** Faults that the operator was warned of, by name. */
  countWarning(fault: string): void;
}

/**
 * Makes the metrics of a control. What the database knows is read when it is asked for.
 *
 * @param linesDropped lines of control's log that could not be written so far
 */
export function createMetrics(db: Database, limits: Pick<LimitCounts, 'read'>, linesDropped: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> =>
    new Gauge({ name: `edgetap_${name}`, help, labelNames, registers: [registry] });
  const warnings = new Counter({
    name: 'edgetap_warnings_total',
    help: 'Faults that the operator was warned of',
    labelNames: ['fault'] as const,
    registers: [registry],
  });
  const lines = new Counter({
    name: 'edgetap_log_lines_dropped_total',
    help: "Lines of control's log that could not be written",
    registers: [registry],
  });
  const limit = gauge('limit', 'How much a limit of docs/limits.md allows', ['limit']);
  const limitUsed = gauge(
    'limit_used',
    'What is used of a limit: of one of each account, token or address by whoever uses most',
    ['limit'],
  );
  const refused = new Counter({
    name: 'edgetap_limit_refused_total',
    help: 'Requests that a limit has refused',
    labelNames: ['limit'] as const,
    registers: [registry],
  });
  const captures = gauge('captures', 'Captures that are kept', ['type', 'status']);
  const heard = gauge('sensor_last_heard_timestamp_seconds', 'When a sensor was last heard of', ['sensor', 'colo']);
  const spoolUsed = gauge('sensor_spool_used_bytes', 'Disk used by captures on their way', ['sensor']);
  const spoolLimit = gauge('sensor_spool_limit_bytes', 'Disk allowed for captures on their way', ['sensor']);
  const interfaceUp = gauge('sensor_interface_up', '1 when the interface is up', ['sensor', 'interface']);
  const samplePackets = gauge('samples_packets', 'Packets sampled since the sensor began', ['sensor', 'interface']);
  const sampleDropped = gauge('samples_dropped_packets', 'Samples lost since the sensor began', [
    'sensor',
    'interface',
  ]);
  const sampleBytes = gauge('samples_bytes', 'Disk used by samples', ['sensor', 'interface']);
  const sampleRate = gauge('samples_rate', '1 in how many packets is sampled', ['sensor', 'interface']);

  const sampleFault = gauge(
    'samples_fault',
    '1 while an interface that is to be sampled is not, by what keeps it from that',
    ['sensor', 'interface', 'fault'],
  );

  const read = async (): Promise<void> => {
    const perSensor = [
      heard,
      spoolUsed,
      spoolLimit,
      interfaceUp,
      samplePackets,
      sampleDropped,
      sampleBytes,
      sampleRate,
      sampleFault,
    ];
    for (const one of [captures, ...perSensor]) one.reset();
    lines.reset();
    lines.inc(linesDropped());
    refused.reset();
    const sensors = await listSensors(db);
    const held = await heldShares(db, sensors);
    for (const one of limits.read()) {
      limit.set({ limit: one.name }, one.limit);
      limitUsed.set({ limit: one.name }, held[one.name] ?? one.used);
      refused.inc({ limit: one.name }, one.refused);
    }
    for (const { type, status, count } of await countByStatus(db)) captures.set({ type, status }, count);
    for (const sensor of sensors) {
      const { name } = sensor;
      heard.set({ sensor: name, colo: sensor.colo }, Number(sensor.last_heard / 1_000_000n) / 1000);
      spoolUsed.set({ sensor: name }, Number(sensor.spool_used_bytes));
      spoolLimit.set({ sensor: name }, Number(sensor.spool_limit_bytes));
      for (const port of sensor.interfaces) {
        interfaceUp.set({ sensor: name, interface: port.name }, port.up ? 1 : 0);
      }
      for (const samples of sensor.samples) {
        const labels = { sensor: name, interface: samples.interface };
        samplePackets.set(labels, Number(samples.packets));
        sampleDropped.set(labels, Number(samples.dropped));
        sampleBytes.set(labels, Number(samples.bytes));
        sampleRate.set(labels, samples.rate);
        if (samples.fault !== undefined) sampleFault.set({ ...labels, fault: samples.fault.name }, 1);
      }
    }
  };

  return {
    text: async () => {
      await read();
      return await registry.metrics();
    },
    countWarning: (fault) => warnings.inc({ fault }),
  };
}
