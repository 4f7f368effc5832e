import koffi, { type LibraryHandle } from 'koffi';
import { raise } from '../model/errors/fault.ts';
import { type LibcFunctions, libcFunctions } from './libc_functions.ts';
import { type PcapFunctions, pcapFunctions } from './pcap_functions.ts';

/** libpcap and the C library, declared and checked. */
export interface Libpcap {
  readonly pcap: PcapFunctions;
  readonly libc: LibcFunctions;
  /** `1.10.3` */
  readonly version: string;
}

/** Debian and Ubuntu keep the name of the old ABI; the others use the upstream one. */
const library_names = ['libpcap.so.0.8', 'libpcap.so.1'];
const install_hint = 'apt-get install libpcap0.8';

let loaded: Libpcap | undefined;

/**
 * Loads libpcap at the first call (once per thread) and gives the same object ever after. Loading takes milliseconds and is
 * left to the first use, so that a process that captures nothing needs no libpcap.
 *
 * @throws FaultError `libpcap_missing` where there is none, or it is older than 1.10.
 */
export function loadLibpcap(): Libpcap {
  loaded ??= load(library_names);
  return loaded;
}

/** `loadLibpcap` without its memory, and with the names of the library to look for. */
export function load(names: readonly string[]): Libpcap {
  const failures: unknown[] = [];
  for (const name of names) {
    let library: LibraryHandle;
    try {
      library = koffi.load(name);
    } catch (cause) {
      failures.push(cause);
      continue;
    }
    return declareAll(library);
  }
  return raise('libpcap_missing', { hint: install_hint }, { cause: new AggregateError(failures) });
}

function declareAll(library: LibraryHandle): Libpcap {
  let pcap: PcapFunctions;
  try {
    pcap = pcapFunctions(library);
  } catch (cause) {
    // A function of 1.10 is not in it.
    return raise('libpcap_missing', { hint: install_hint }, { cause });
  }
  const version = /\b(\d+)\.(\d+)(?:\.\d+)*/.exec(pcap.pcap_lib_version());
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (version === null || major < 1 || (major === 1 && minor < 10)) raise('libpcap_missing', { hint: install_hint });
  return { pcap, libc: libcFunctions(koffi.load(null)), version: version[0] };
}
