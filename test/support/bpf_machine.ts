/** What the kernel knows of a packet beside its bytes, by operand (SKF_AD_OFF + …, linux/filter.h). */
export type AncillaryFacts = ReadonlyMap<number, number>;

/** A packet as a filter sees it. */
export interface FilteredPacket {
  readonly bytes: Uint8Array;
  /** Length on the wire; that of the bytes by default. */
  readonly wire_length?: number;
  /** Only in the kernel; loads of other facts, and all of them without this, reject the packet. */
  readonly facts?: AncillaryFacts;
  /**
   * As the kernel's machine does where it differs from libpcap's: an offset x + k that passes 32 bits starts again at 0, one from 0xffe00000 on counts from
   * the link layer's header, and shifts are by the number of bits modulo 32.
   */
  readonly in_kernel?: boolean;
}

/**
 * Runs a classic BPF program over a packet and returns what it returns: 0 for "no match". Written from the machine's
 * description (McCanne and Jacobson, 1993; filter.rst of the kernel), as an oracle that shares no code with libpcap or the kernel.
 * Throws where the program is not one: unknown instruction, jump out of it, no `ret`.
 */
export function runBpf(program: Uint8Array, packet: FilteredPacket): number {
  const code = new DataView(program.buffer, program.byteOffset, program.length);
  const bytes = new DataView(packet.bytes.buffer, packet.bytes.byteOffset, packet.bytes.length);
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;

  /** The value at an offset; undefined where it is not in the packet. */
  const packetLoad = (size: number, from: number): number | undefined => {
    if (from >= 0xffff_f000 && from < 2 ** 32) return packet.facts?.get(from);
    const wrapped = packet.in_kernel === true ? from >>> 0 : from;
    const offset = packet.in_kernel === true && wrapped >= 0xffe0_0000 ? wrapped - 0xffe0_0000 : wrapped;
    const width = size === 0x00 ? 4 : size === 0x08 ? 2 : 1;
    if (offset + width > bytes.byteLength) return undefined;
    return width === 4 ? bytes.getUint32(offset) : width === 2 ? bytes.getUint16(offset) : bytes.getUint8(offset);
  };

  for (let pc = 0; ; pc++) {
    if ((pc + 1) * 8 > program.length) throw new RangeError(`instruction ${pc} is outside the program`);
    const op = code.getUint16(pc * 8, true);
    const jt = code.getUint8(pc * 8 + 2);
    const jf = code.getUint8(pc * 8 + 3);
    const k = code.getUint32(pc * 8 + 4, true);
    const unknown = (): never => {
      throw new RangeError(`instruction ${pc} is unknown: 0x${op.toString(16)}`);
    };
    const operand = (op & 0x08) === 0 ? k : x;
    const is_shift = (op & 0xf7) === 0x64 || (op & 0xf7) === 0x74;
    switch (op & 0x07) {
      case 0x00: {
        const mode = op & 0xe0;
        const loaded =
          mode === 0x00
            ? k
            : mode === 0x20
              ? packetLoad(op & 0x18, k)
              : mode === 0x40
                ? packetLoad(op & 0x18, x + k)
                : mode === 0x60
                  ? (memory[k] ?? unknown())
                  : mode === 0x80
                    ? (packet.wire_length ?? packet.bytes.length)
                    : unknown();
        if (loaded === undefined) return 0;
        a = loaded;
        break;
      }
      case 0x01: {
        const mode = op & 0xe0;
        if (mode === 0x00) x = k;
        else if (mode === 0x60) x = memory[k] ?? unknown();
        else if (mode === 0x80) x = packet.wire_length ?? packet.bytes.length;
        else if (mode === 0xa0) {
          const byte = packetLoad(0x10, k);
          if (byte === undefined) return 0;
          x = (byte & 0x0f) * 4;
        } else unknown();
        break;
      }
      case 0x02:
        memory[k] = a;
        break;
      case 0x03:
        memory[k] = x;
        break;
      case 0x04: {
        const result = arithmetic(op & 0xf0, a, packet.in_kernel === true && is_shift ? operand & 31 : operand);
        if (result === undefined) return 0;
        a = result;
        break;
      }
      case 0x05: {
        const kind = op & 0xf0;
        if (kind === 0x00) pc += k;
        else if (kind === 0x10) pc += a === operand ? jt : jf;
        else if (kind === 0x20) pc += a > operand ? jt : jf;
        else if (kind === 0x30) pc += a >= operand ? jt : jf;
        else if (kind === 0x40) pc += (a & operand) !== 0 ? jt : jf;
        else unknown();
        break;
      }
      case 0x06:
        return (op & 0x18) === 0x10 ? a : k;
      default:
        if ((op & 0xf8) === 0x00) x = a;
        else if ((op & 0xf8) === 0x80) a = x;
        else unknown();
    }
  }
}

/** 32 bits unsigned; undefined for a division by zero, which rejects the packet. */
function arithmetic(kind: number, a: number, operand: number): number | undefined {
  switch (kind) {
    case 0x00:
      return (a + operand) >>> 0;
    case 0x10:
      return (a - operand) >>> 0;
    case 0x20:
      return Math.imul(a, operand) >>> 0;
    case 0x30:
      return operand === 0 ? undefined : Math.floor(a / operand);
    case 0x40:
      return (a | operand) >>> 0;
    case 0x50:
      return (a & operand) >>> 0;
    case 0x60:
      return operand > 31 ? 0 : (a << operand) >>> 0;
    case 0x70:
      return operand > 31 ? 0 : a >>> operand;
    case 0x80:
      return -a >>> 0;
    case 0x90:
      return operand === 0 ? undefined : a % operand;
    case 0xa0:
      return (a ^ operand) >>> 0;
    default:
      throw new RangeError(`arithmetic 0x${kind.toString(16)} is unknown`);
  }
}
