/** The five exact fields of a filter, checked and canonical. An empty object matches every packet. */
export interface FilterV1 {
  /** An IPv4 or IPv6 address, or a network in CIDR form, canonical (RFC 5952 for IPv6, host bits zero). */
  readonly source_address?: string;
  readonly destination_address?: string;
  /** 0 to 65535; matches TCP, UDP and SCTP. */
  readonly source_port?: number;
  readonly destination_port?: number;
  /** IP protocol number, 0 to 255. */
  readonly protocol?: number;
}
