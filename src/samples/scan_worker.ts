import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { fault, FaultError } from '../model/errors/fault.ts';
import { answeredWeights, countStreams, hasToCount } from './count_streams.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { ScanAnswer, ScanOrder } from './scan_messages.ts';
import { scanSegments } from './scan_segments.ts';
import { tallySegments } from './tally_segments.ts';
import type { VisitPorts } from './visit_matches.ts';

// Captures and answers come first.
setPriority(5);

/** What one worker reads into, whatever is asked: as much as stays in the processor's own cache. */
const memory = createRecordMemory(1 << 18);
const indexes = new IndexShelf();

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
port.on('message', (order: ScanOrder) => {
  const answer = scan(order);
  if (answer.kind !== 'found' || order.work.kind !== 'find') return port.postMessage(answer);
  const { job, count } = order.work;
  // What is sent is not here any more.
  const answered = answer.counting ? answeredWeights(answer.result, count) : undefined;
  const owned = answer.result.pieces.map(({ records }) => records.buffer);
  port.postMessage(
    answer,
    owned.filter((buffer) => buffer instanceof ArrayBuffer),
  );
  if (answered === undefined) return undefined;
  return port.postMessage(
    guarded(() => ({ kind: 'counted', counts: countStreams(job, count, answered, portsOf(order)) })),
  );
});

function scan(order: ScanOrder): ScanAnswer {
  const { work } = order;
  return guarded(() => {
    if (work.kind === 'tally') {
      const result = tallySegments(work.job, portsOf(order));
      return result === undefined ? { kind: 'cancelled' } : { kind: 'tallied', result };
    }
    const result = scanSegments(work.job, portsOf(order));
    if (result === undefined) return { kind: 'cancelled' };
    return { kind: 'found', result, counting: hasToCount(result, work.count) };
  });
}

function portsOf({ cancel }: ScanOrder): VisitPorts {
  const flag = new Int32Array(cancel);
  return { memory, indexes, cancelled: () => Atomics.load(flag, 0) !== 0 };
}

function guarded(run: () => ScanAnswer): ScanAnswer {
  try {
    return run();
  } catch (error) {
    if (error instanceof FaultError) return { kind: 'failed', fault: error.faults[0] };
    return { kind: 'failed', fault: fault('lookback_failed', { reason: String(error) }) };
  }
}
