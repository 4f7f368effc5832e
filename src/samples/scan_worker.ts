import { parentPort } from 'node:worker_threads';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { fault, FaultError } from '../model/errors/fault.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { ScanAnswer, ScanOrder } from './scan_messages.ts';
import { scanSegments } from './scan_segments.ts';
import { tallySegments } from './tally_segments.ts';
import type { VisitPorts } from './visit_matches.ts';

/** What one worker reads into, whatever is asked: as much as stays in the processor's own cache. */
const memory = createRecordMemory(1 << 18);
const indexes = new IndexShelf();

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
port.on('message', (order: ScanOrder) => {
  const answer = scan(order);
  const owned = answer.kind === 'found' ? answer.result.pieces.map(({ records }) => records.buffer) : [];
  port.postMessage(
    answer,
    owned.filter((buffer) => buffer instanceof ArrayBuffer),
  );
});

function scan({ work, cancel }: ScanOrder): ScanAnswer {
  const flag = new Int32Array(cancel);
  const ports: VisitPorts = { memory, indexes, cancelled: () => Atomics.load(flag, 0) !== 0 };
  try {
    if (work.kind === 'tally') {
      const result = tallySegments(work.job, ports);
      return result === undefined ? { kind: 'cancelled' } : { kind: 'tallied', result };
    }
    const result = scanSegments(work.job, ports);
    return result === undefined ? { kind: 'cancelled' } : { kind: 'found', result };
  } catch (error) {
    if (error instanceof FaultError) return { kind: 'failed', fault: error.faults[0] };
    return { kind: 'failed', fault: fault('lookback_failed', { reason: String(error) }) };
  }
}
