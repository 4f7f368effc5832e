import { raise } from '../model/errors/fault.ts';
import type { Libpcap } from './binding.ts';
import type { InterfaceRef, LiveHandle } from './live_handle.ts';
import { openLive } from './open_live.ts';
import type { PcapPointer } from './pointer.ts';
import { accept_bytes } from './program.ts';

const DLT_EN10MB = 1;

let opened: LiveHandle | undefined;

/**
 * A live handle of Ethernet to compile with: the named interface's at the first call, and the same one ever after, whatever
 * becomes of the interface. What libpcap compiles depends on the link type and on the kernel, not on the interface; opening one
 * takes 8 ms and closing it 20. It hears nothing and its ring is as small as can be.
 *
 * @throws FaultError as `openLive`; `capture_open_failed` where the interface is not Ethernet.
 */
export function openEthernet(of: InterfaceRef, native: Libpcap): PcapPointer {
  opened ??= openLive(
    { interface: of, snaplen_bytes: accept_bytes, ring_bytes: 65_536, block_timeout_ms: 100, promiscuous: false },
    native,
  );
  if (native.pcap.pcap_datalink(opened.pointer) === DLT_EN10MB) return opened.pointer;
  opened.close();
  opened = undefined;
  return raise('capture_open_failed', { interface: of.name, reason: 'its packets are not Ethernet frames' });
}
