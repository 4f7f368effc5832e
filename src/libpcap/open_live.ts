import { raise } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { captureHint, surroundings } from './capture_hint.ts';
import { type InterfaceRef, LiveHandle } from './live_handle.ts';
import { nameBytes } from './name_text.ts';
import { nativeBytes, nativeText } from './native_bytes.ts';
import { checked } from './native_fault.ts';
import { packetAddress } from './packet_address.ts';
import type { PcapPointer } from './pointer.ts';

// fcntl.h
const F_SETFD = 2;
const FD_CLOEXEC = 1;
// pcap/pcap.h
const PCAP_ERROR_NO_SUCH_DEVICE = -5;
const PCAP_ERROR_PERM_DENIED = -8;
const PCAP_ERROR_PROMISC_PERM_DENIED = -11;
const PCAP_TSTAMP_PRECISION_MICRO = 0;
const PCAP_TSTAMP_PRECISION_NANO = 1;

/**
 * Socket protocols under which nothing is heard while the ring is made and the filter put in place. libpcap hands the low 16
 * bits to the socket, so 0x10000 is the protocol 0, "none": the later `start` is then immediate, where leaving another
 * protocol costs a grace period of the kernel (10 to 30 ms). Should a libpcap do otherwise, 0x88B5, an EtherType for local
 * experiments, is next to none.
 */
const deafProtocol = 0x1_0000;
const experimentalProtocol = 0x88b5;

const error_text_bytes = 256;

/** How to capture an interface. */
export interface LiveOptions {
  readonly interface: InterfaceRef;
  /** Bytes kept of a packet at most. */
  readonly snaplen_bytes: number;
  /** The kernel's ring: what can be held while nobody reads. */
  readonly ring_bytes: number;
  /**
   * After this long, packets are handed over though their block of the ring is not full: the ring then holds at most one block
   * of 256 KiB for each such time in which a packet came. Absent: every packet is handed over at once, and takes a place that
   * has room for a whole snaplen (TPACKET_V2; a ring of blocks is TPACKET_V3), so for small snaplens.
   */
  readonly block_timeout_ms?: number;
  /** See packets that are addressed to others, as on a mirror port. */
  readonly promiscuous: boolean;
}

/**
 * Makes a capture of an interface ready: ring, nanosecond times, non-blocking; deaf until its `start`.
 *
 * @throws FaultError `interface_unknown`, `capture_denied`, `capture_open_failed`, `native_call_failed`, `libpcap_missing`.
 */
export function openLive(options: LiveOptions, native: Libpcap = loadLibpcap()): LiveHandle {
  const { handle, protocol } = open(options, native, deafProtocol);
  if (protocol === 0) return handle;
  handle.close();
  return open(options, native, experimentalProtocol).handle;
}

function open(
  options: LiveOptions,
  native: Libpcap,
  protocol: number,
): { readonly handle: LiveHandle; readonly protocol: number } {
  const { pcap } = native;
  const { name } = options.interface;
  const errorText = nativeBytes(error_text_bytes);
  const device = nameBytes(name);
  const terminated = nativeBytes(device.length + 1);
  terminated.set(device);
  const pointer = pcap.pcap_create(terminated, errorText);
  if (pointer === null) return raise('capture_open_failed', { interface: name, reason: nativeText(errorText) });
  try {
    pcap.pcap_set_snaplen(pointer, options.snaplen_bytes);
    pcap.pcap_set_timeout(pointer, options.block_timeout_ms ?? 0);
    pcap.pcap_set_buffer_size(pointer, options.ring_bytes);
    pcap.pcap_set_promisc(pointer, options.promiscuous ? 1 : 0);
    pcap.pcap_set_immediate_mode(pointer, options.block_timeout_ms === undefined ? 1 : 0);
    pcap.pcap_set_protocol_linux(pointer, protocol);
    if (pcap.pcap_set_tstamp_precision(pointer, PCAP_TSTAMP_PRECISION_NANO) < 0) {
      pcap.pcap_set_tstamp_precision(pointer, PCAP_TSTAMP_PRECISION_MICRO);
    }
    const status = pcap.pcap_activate(pointer);
    if (status < 0) raiseActivation(native, pointer, name, status);
    if (pcap.pcap_setnonblock(pointer, 1, errorText) < 0) {
      raise('capture_open_failed', { interface: name, reason: nativeText(errorText) });
    }
    // libpcap leaves its socket to every program that is started: it would stay, with its ring, when the capture is over.
    checked('fcntl', native.libc.fcntl(pcap.pcap_fileno(pointer), F_SETFD, FD_CLOEXEC));
    const nanosecond = pcap.pcap_get_tstamp_precision(pointer) === PCAP_TSTAMP_PRECISION_NANO;
    const handle = new LiveHandle(native, pointer, options.interface, nanosecond);
    const heard = packetAddress(handle.descriptor, native);
    // Opened by name, and the name may have gone to another interface since it was looked up.
    if (heard.ifindex !== options.interface.ifindex) raise('interface_unknown', { interface: name });
    return { handle, protocol: heard.protocol };
  } catch (error) {
    pcap.pcap_close(pointer);
    throw error;
  }
}

function raiseActivation({ pcap }: Libpcap, pointer: PcapPointer, name: string, status: number): never {
  if (status === PCAP_ERROR_NO_SUCH_DEVICE) raise('interface_unknown', { interface: name });
  if (status === PCAP_ERROR_PERM_DENIED || status === PCAP_ERROR_PROMISC_PERM_DENIED) {
    raise('capture_denied', { hint: captureHint(surroundings()) });
  }
  const [text, more] = [pcap.pcap_statustostr(status), pcap.pcap_geterr(pointer)];
  return raise('capture_open_failed', { interface: name, reason: more === '' ? text : `${text}: ${more}` });
}
