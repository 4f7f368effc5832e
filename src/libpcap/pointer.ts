declare const kind: unique symbol;

/** The address of a native object. Only whoever made the object may hand it on, and only while it is open. */
export type Pointer<Kind extends string> = bigint & { readonly [kind]: Kind };

/** `pcap_t *` */
export type PcapPointer = Pointer<'pcap_t'>;
/** `pcap_dumper_t *` */
export type DumperPointer = Pointer<'pcap_dumper_t'>;
/** `FILE *` */
export type FilePointer = Pointer<'FILE'>;
/** The address of a native function. */
export type FunctionPointer = Pointer<'function'>;
