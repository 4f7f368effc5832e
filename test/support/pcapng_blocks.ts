/** A block of a pcapng file, its options by their code. */
export interface PcapngBlock {
  readonly type: number;
  /** The fixed fields and what follows them. */
  readonly body: Buffer;
  readonly options: ReadonlyMap<number, Buffer>;
}

/** Length of the fixed fields before the options, of the blocks that have options at a fixed place. */
const fixed_bytes: Readonly<Record<number, number>> = { 0x0a0d0d0a: 16, 1: 8, 5: 12 };

/** The blocks of a little-endian pcapng file (draft-ietf-opsawg-pcapng): the tests' own reader. */
export function pcapngBlocks(file: Buffer): readonly PcapngBlock[] {
  const blocks: PcapngBlock[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    const type = file.readUInt32LE(at);
    if (file.readUInt32LE(at + length - 4) !== length) throw new Error(`the block at ${at} has two lengths`);
    const body = file.subarray(at + 8, at + length - 4);
    blocks.push({ type, body, options: optionsOf(body, fixed_bytes[type]) });
    at += length;
  }
  return blocks;
}

function optionsOf(body: Buffer, from: number | undefined): ReadonlyMap<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = from ?? body.length; at < body.length; ) {
    const [code, length] = [body.readUInt16LE(at), body.readUInt16LE(at + 2)];
    if (code === 0) break;
    options.set(code, body.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}
