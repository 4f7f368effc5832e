import { raise } from '../model/errors/fault.ts';
import type { Libpcap } from './binding.ts';
import { interfaceName } from './interface_name.ts';
import { bindPacketSocket, packetAddress } from './packet_address.ts';
import { takePacketStatistics } from './packet_statistics.ts';
import type { PcapPointer } from './pointer.ts';
import { attachSocketFilter, rejectAllInstructions } from './socket_filter.ts';

const ETH_P_ALL = 0x0003;

/** An interface as the kernel numbers and names it. */
export interface InterfaceRef {
  readonly name: string;
  readonly ifindex: number;
}

/** What the kernel has counted for one capture, since it began. */
export interface LiveStatistics {
  /** Packets that passed the filter, with those that were dropped afterwards (`ps_recv`). */
  readonly accepted: bigint;
  /** Of these, the ones that found the ring full (`ps_drop`). */
  readonly dropped: bigint;
}

/**
 * An activated capture of one interface: owns the `pcap_t`, its socket and its ring. Deaf until `start`. Everything is
 * non-blocking. Made by `openLive`.
 */
export class LiveHandle {
  readonly interface: InterfaceRef;
  /** The packet socket: readable when a block of packets is there. */
  readonly descriptor: number;
  /** Packet times have nanoseconds, not microseconds. */
  readonly nanosecond: boolean;
  readonly #native: Libpcap;
  #statistics: LiveStatistics = { accepted: 0n, dropped: 0n };
  #pointer: PcapPointer | undefined;

  constructor(native: Libpcap, pointer: PcapPointer, of: InterfaceRef, nanosecond: boolean) {
    this.#native = native;
    this.#pointer = pointer;
    this.interface = of;
    this.nanosecond = nanosecond;
    this.descriptor = native.pcap.pcap_fileno(pointer);
  }

  /** The `pcap_t`, for calls that are made while the handle is open. */
  get pointer(): PcapPointer {
    if (this.#pointer === undefined) throw new Error('the capture handle is closed');
    return this.#pointer;
  }

  /** What libpcap said of its last failure. */
  get error(): string {
    return this.#native.pcap.pcap_geterr(this.pointer);
  }

  /** Puts a kernel filter in the place of the one that is there, without a gap. Throws `filter_attach_failed`. */
  attachFilter(instructions: Uint8Array): void {
    const reason = attachSocketFilter(this.descriptor, instructions, this.#native);
    if (reason !== undefined) raise('filter_attach_failed', { interface: this.interface.name, reason });
  }

  /** No packet passes any more; what is in the ring stays to be read. */
  rejectAll(): void {
    this.attachFilter(rejectAllInstructions);
  }

  /** Begins: when this returns, every packet that the filter lets through comes. */
  start(): void {
    bindPacketSocket(this.descriptor, { protocol: ETH_P_ALL, ifindex: this.interface.ifindex }, this.#native);
  }

  /** The interface's name now; undefined where it was removed from this host. */
  currentName(): string | undefined {
    return interfaceName(this.descriptor, this.interface.ifindex, this.#native);
  }

  /** Was the interface removed from this host? Renamed or down is not removed. */
  gone(): boolean {
    return packetAddress(this.descriptor, this.#native).ifindex === -1;
  }

  /** Totals. To be asked for now and then: what the kernel counts in between has 32 bits. */
  statistics(): LiveStatistics {
    const { accepted, dropped } = takePacketStatistics(this.descriptor, this.#native);
    this.#statistics = {
      accepted: this.#statistics.accepted + BigInt(accepted),
      dropped: this.#statistics.dropped + BigInt(dropped),
    };
    return this.#statistics;
  }

  /** Gives ring and socket back. Safe to call twice. */
  close(): void {
    if (this.#pointer === undefined) return;
    this.#native.pcap.pcap_close(this.#pointer);
    this.#pointer = undefined;
  }
}
