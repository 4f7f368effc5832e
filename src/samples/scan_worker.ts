import { parentPort } from 'node:worker_threads';
import { fault, FaultError } from '../model/errors/fault.ts';
import { openScanMatcher } from './scan_matcher.ts';
import type { ScanAnswer, ScanOrder } from './scan_messages.ts';
import { scanSegments } from './scan_segments.ts';

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

function scan({ job, cancel }: ScanOrder): ScanAnswer {
  const flag = new Int32Array(cancel);
  try {
    const result = scanSegments(job, { openMatcher: openScanMatcher, cancelled: () => Atomics.load(flag, 0) !== 0 });
    return result === undefined ? { kind: 'cancelled' } : { kind: 'found', result };
  } catch (error) {
    if (error instanceof FaultError) return { kind: 'failed', fault: error.faults[0] };
    return { kind: 'failed', fault: fault('lookback_failed', { reason: String(error) }) };
  }
}
