import { FaultError } from '../model/errors/fault.ts';
import { startThread } from './start_thread.ts';

// Starts a thread when it is told to, and says how that went.

process.on('message', () => {
  try {
    const worker = startThread(new URL('data:text/javascript,'), {});
    worker.on('exit', (code) => process.send?.(`ended with ${code}`));
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    process.send?.(error.faults[0]);
  }
});
process.send?.('ready');
