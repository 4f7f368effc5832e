import type { LibraryHandle } from 'koffi';
import type { DumperPointer, FilePointer, FunctionPointer, PcapPointer } from './pointer.ts';

/**
 * The calls of libpcap that edgetap makes, with C's own semantics: return codes are not checked here. Byte arrays are passed
 * by address and must stay referenced (and off the JavaScript heap, see `native_bytes.ts`) for as long as C keeps them.
 * Source: the libpcap 1.10 man pages of the same names.
 */
export interface PcapFunctions {
  pcap_lib_version(): string;
  /** `device`: its name and a zero byte. Null on failure, then `errorText` (256 bytes) has the reason. */
  pcap_create(device: Uint8Array, errorText: Uint8Array): PcapPointer | null;
  pcap_set_snaplen(pcap: PcapPointer, bytes: number): number;
  pcap_set_timeout(pcap: PcapPointer, ms: number): number;
  pcap_set_buffer_size(pcap: PcapPointer, bytes: number): number;
  pcap_set_promisc(pcap: PcapPointer, on: number): number;
  pcap_set_immediate_mode(pcap: PcapPointer, on: number): number;
  pcap_set_tstamp_precision(pcap: PcapPointer, precision: number): number;
  pcap_get_tstamp_precision(pcap: PcapPointer): number;
  pcap_set_protocol_linux(pcap: PcapPointer, protocol: number): number;
  pcap_activate(pcap: PcapPointer): number;
  pcap_setnonblock(pcap: PcapPointer, on: number, errorText: Uint8Array): number;
  pcap_geterr(pcap: PcapPointer): string;
  pcap_statustostr(status: number): string;
  pcap_close(pcap: PcapPointer): void;
  pcap_datalink(pcap: PcapPointer): number;
  pcap_fileno(pcap: PcapPointer): number;
  pcap_get_selectable_fd(pcap: PcapPointer): number;
  pcap_dispatch(pcap: PcapPointer, count: number, callback: FunctionPointer, user: DumperPointer): number;
  pcap_dump_fopen(pcap: PcapPointer, file: FilePointer): DumperPointer | null;
  pcap_dump_flush(dumper: DumperPointer): number;
  /** Closes the FILE too. */
  pcap_dump_close(dumper: DumperPointer): void;
  pcap_open_dead(linktype: number, snaplen: number): PcapPointer | null;
  pcap_open_offline_with_tstamp_precision(path: string, precision: number, errorText: Uint8Array): PcapPointer | null;
  /** Owns the FILE from then on; on failure (null) the caller still does. */
  pcap_fopen_offline_with_tstamp_precision(
    file: FilePointer,
    precision: number,
    errorText: Uint8Array,
  ): PcapPointer | null;
  /** Copies the instructions of a `struct bpf_program`. */
  pcap_setfilter(pcap: PcapPointer, program: Uint8Array): number;
  /** Fills `struct bpf_program` (16 bytes): 32-bit length, 4 bytes of padding, address of the instructions. */
  pcap_compile(pcap: PcapPointer, program: Uint8Array, text: string, optimize: number, netmask: number): number;
  pcap_freecode(program: Uint8Array): void;
  /** 0 where the packet does not match. `header` is `struct pcap_pkthdr` (24 bytes). */
  pcap_offline_filter(program: Uint8Array, header: Uint8Array, packet: Uint8Array): number;
  /** Not 0 where the instructions are a valid program (for the kernel's and libpcap's machine). */
  bpf_validate(instructions: Uint8Array, count: number): number;
  /** The address of libpcap's own `pcap_dump`, a `pcap_handler` that writes to the dumper it gets as `user`. */
  readonly pcap_dump: FunctionPointer;
}

/** Declares them on a loaded libpcap; throws where one is missing. */
export function pcapFunctions(library: LibraryHandle): PcapFunctions {
  const declare = (prototype: string) => library.func(prototype);
  return {
    pcap_lib_version: declare('const char *pcap_lib_version()'),
    pcap_create: declare('void *pcap_create(const void *device, void *errbuf)'),
    pcap_set_snaplen: declare('int pcap_set_snaplen(void *p, int snaplen)'),
    pcap_set_timeout: declare('int pcap_set_timeout(void *p, int ms)'),
    pcap_set_buffer_size: declare('int pcap_set_buffer_size(void *p, int size)'),
    pcap_set_promisc: declare('int pcap_set_promisc(void *p, int on)'),
    pcap_set_immediate_mode: declare('int pcap_set_immediate_mode(void *p, int on)'),
    pcap_set_tstamp_precision: declare('int pcap_set_tstamp_precision(void *p, int precision)'),
    pcap_get_tstamp_precision: declare('int pcap_get_tstamp_precision(void *p)'),
    pcap_set_protocol_linux: declare('int pcap_set_protocol_linux(void *p, int protocol)'),
    pcap_activate: declare('int pcap_activate(void *p)'),
    pcap_setnonblock: declare('int pcap_setnonblock(void *p, int on, void *errbuf)'),
    pcap_geterr: declare('const char *pcap_geterr(void *p)'),
    pcap_statustostr: declare('const char *pcap_statustostr(int status)'),
    pcap_close: declare('void pcap_close(void *p)'),
    pcap_datalink: declare('int pcap_datalink(void *p)'),
    pcap_fileno: declare('int pcap_fileno(void *p)'),
    pcap_get_selectable_fd: declare('int pcap_get_selectable_fd(void *p)'),
    pcap_dispatch: declare('int pcap_dispatch(void *p, int count, void *callback, void *user)'),
    pcap_dump_fopen: declare('void *pcap_dump_fopen(void *p, void *file)'),
    pcap_dump_flush: declare('int pcap_dump_flush(void *dumper)'),
    pcap_dump_close: declare('void pcap_dump_close(void *dumper)'),
    pcap_open_dead: declare('void *pcap_open_dead(int linktype, int snaplen)'),
    pcap_open_offline_with_tstamp_precision: declare(
      'void *pcap_open_offline_with_tstamp_precision(const char *path, unsigned int precision, void *errbuf)',
    ),
    pcap_fopen_offline_with_tstamp_precision: declare(
      'void *pcap_fopen_offline_with_tstamp_precision(void *file, unsigned int precision, void *errbuf)',
    ),
    pcap_setfilter: declare('int pcap_setfilter(void *p, const void *program)'),
    pcap_compile: declare('int pcap_compile(void *p, void *program, const char *text, int optimize, uint32_t netmask)'),
    pcap_freecode: declare('void pcap_freecode(void *program)'),
    pcap_offline_filter: declare(
      'int pcap_offline_filter(const void *program, const void *header, const void *packet)',
    ),
    bpf_validate: declare('int bpf_validate(const void *instructions, int count)'),
    pcap_dump: library.symbol('pcap_dump') as FunctionPointer,
  };
}
