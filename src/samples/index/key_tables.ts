import { KeyTable } from './key_table.ts';

/** The four tables of one layer of headers. */
export class KeyTables {
  readonly ipv4: KeyTable;
  readonly ipv6: KeyTable;
  readonly port: KeyTable;
  readonly protocol: KeyTable;

  constructor(seed: number) {
    this.ipv4 = new KeyTable(1, seed);
    this.ipv6 = new KeyTable(4, seed);
    this.port = new KeyTable(1, seed);
    this.protocol = new KeyTable(1, seed);
  }
}
