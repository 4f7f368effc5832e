/** The names of a segment's files within its stream's directory. */
export interface SegmentFiles {
  /** The packets while the segment is open. */
  readonly open: string;
  /** The packets once it is sealed. */
  readonly sealed: string;
  readonly header: string;
  /** A header that is being written anew, before it takes the place of the damaged one. */
  readonly new_header: string;
  readonly index: string;
  /** An index that is being written. */
  readonly new_index: string;
}

/** What a file in a stream's directory is, by its name. */
export interface SegmentFile {
  readonly number: number;
  readonly kind: keyof SegmentFiles;
}

const shape = /^(\.open-|\.new-)?([0-9]{10})\.(pcap|seg|idx)$/;
const kinds: Readonly<Record<string, keyof SegmentFiles>> = {
  pcap: 'sealed',
  seg: 'header',
  idx: 'index',
  '.open-pcap': 'open',
  '.new-seg': 'new_header',
  '.new-idx': 'new_index',
};

/** The names of the files of segment `number`, 1 to 9,999,999,999. See docs/formats/segments.md. */
export function segmentFiles(number: number): SegmentFiles {
  const digits = String(number).padStart(10, '0');
  return {
    open: `.open-${digits}.pcap`,
    sealed: `${digits}.pcap`,
    header: `${digits}.seg`,
    new_header: `.new-${digits}.seg`,
    index: `${digits}.idx`,
    new_index: `.new-${digits}.idx`,
  };
}

/** Reads a file's name; undefined when it is none of a segment's. */
export function parseSegmentFile(name: string): SegmentFile | undefined {
  const found = shape.exec(name);
  if (found === null) return undefined;
  const number = Number(found[2]);
  const kind = kinds[`${found[1] ?? ''}${found[3] ?? ''}`];
  return number === 0 || kind === undefined ? undefined : { number, kind };
}
