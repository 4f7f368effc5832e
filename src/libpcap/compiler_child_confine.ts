import koffi from 'koffi';
import { raise } from '../model/errors/fault.ts';

/** The databases of nsswitch.conf(5) that libpcap could ask about a name. */
const databases = ['hosts', 'networks', 'protocols', 'services', 'ethers'];

/** Limits that the compiler's process puts on itself. */
export interface Confinement {
  /** The kernel ends this process after so long, unless it is asked to again; 0 ends the waiting. Rounded up to seconds. */
  endAfter(ms: number): void;
}

/**
 * Makes this process unable to look up a name, whatever text libpcap is given: each database of the C library gets an empty
 * list of sources (`__nss_configure_lookup`, the C library's own way to override nsswitch.conf), so that no file is read and no
 * server asked. Numbers and addresses need no source. For good: to be called in a process of its own.
 *
 * @throws FaultError `native_call_failed` where the C library has no such call or refuses.
 */
export function confineCompiler(): Confinement {
  const program = koffi.load(null);
  let configure: (database: string, sources: string) => number;
  let alarm: (seconds: number) => number;
  try {
    configure = program.func('int __nss_configure_lookup(const char *database, const char *sources)');
    alarm = program.func('unsigned int alarm(unsigned int seconds)');
  } catch (cause) {
    return raise('native_call_failed', { call: '__nss_configure_lookup', reason: String(cause) }, { cause });
  }
  for (const database of databases) {
    if (configure(database, '') !== 0)
      raise('native_call_failed', { call: '__nss_configure_lookup', reason: database });
  }
  return { endAfter: (ms) => void alarm(Math.ceil(ms / 1000)) };
}
