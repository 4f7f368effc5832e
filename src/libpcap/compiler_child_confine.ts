import koffi from 'koffi';
import { raise } from '../model/errors/fault.ts';

/**
 * The databases of nsswitch.conf(5) that libpcap could ask about a name, each with the only sources left to it. There is no
 * source `edgetap_none`, so nothing answers. (An empty list would be clearer, and crashes the C library.) Of protocols, whose
 * names libpcap takes for the number 0 when no source answers, the local file stays.
 */
const sources = {
  hosts: 'edgetap_none',
  networks: 'edgetap_none',
  services: 'edgetap_none',
  ethers: 'edgetap_none',
  protocols: 'files',
} as const;

/** Limits that the compiler's process puts on itself. */
export interface Confinement {
  /** The kernel ends this process after so long, unless it is asked to again; 0 ends the waiting. Rounded up to seconds. */
  endAfter(ms: number): void;
}

/**
 * Makes this process unable to look up a host, network or port, whatever text libpcap is given: neither a server nor a file
 * is asked (`__nss_configure_lookup`, the GNU C library's own way to override nsswitch.conf). Numbers and addresses need
 * no source. For good, so to be called in a process of its own.
 *
 * @throws FaultError `native_call_failed` where the C library has no such call or refuses.
 */
export function confineCompiler(): Confinement {
  const program = koffi.load(null);
  let configure: (database: string, line: string) => number;
  let alarm: (seconds: number) => number;
  try {
    configure = program.func('int __nss_configure_lookup(const char *database, const char *line)');
    alarm = program.func('unsigned int alarm(unsigned int seconds)');
  } catch (cause) {
    return raise('native_call_failed', { call: '__nss_configure_lookup', reason: String(cause) }, { cause });
  }
  for (const [database, line] of Object.entries(sources)) {
    if (configure(database, line) !== 0)
      raise('native_call_failed', { call: '__nss_configure_lookup', reason: database });
  }
  return { endAfter: (ms) => void alarm(Math.ceil(ms / 1000)) };
}
