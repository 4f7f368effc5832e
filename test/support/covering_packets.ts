import type { Instruction } from '../../src/libpcap/program.ts';

/** Where in the packet a number comes from, and how to change those bytes so that it becomes another. */
interface Source {
  readonly offset: number;
  readonly bytes: number;
  /** The number that the bytes must be for this to be `value`, when they are `now`. */
  readonly bytesFor: (value: number, now: number) => number;
}

interface Value {
  readonly number: number;
  readonly from?: Source | undefined;
}

/** A conditional jump on the way of a packet. */
interface Turn {
  readonly index: number;
  readonly taken: boolean;
  readonly flipped: readonly { readonly from: Source; readonly value: number }[];
}

interface Trace {
  readonly turns: readonly Turn[];
  /** Ends of loads from the packet, tried ones included. */
  readonly ends: ReadonlySet<number>;
}

/**
 * Packets made from a program's own constants so that its conditional jumps go both ways, as far as changing the bytes that they compare leads
 * there; then each cut right behind and one byte before what is loaded. Stops at `most` packets.
 */
export function coveringPackets(
  program: readonly Instruction[],
  start: readonly Uint8Array[],
  most: number,
): readonly Uint8Array[] {
  const packets = [...start];
  const gone = new Set<string>();
  const tried = new Set<string>();
  const ends = new Set<number>();
  for (const packet of packets) {
    if (packets.length > most) break;
    const trace = traced(program, packet);
    for (const end of trace.ends) ends.add(end);
    for (const { index, taken } of trace.turns) gone.add(`${index} ${taken}`);
    for (const { index, taken, flipped } of trace.turns) {
      const other = `${index} ${!taken}`;
      if (gone.has(other)) continue;
      for (const { from, value } of flipped) {
        const changed = patched(packet, from, value);
        const key = `${index} ${taken} ${Buffer.from(changed).toString('latin1')}`;
        if (tried.has(key)) continue;
        tried.add(key);
        packets.push(changed);
      }
    }
  }
  const whole = packets.slice(0, most);
  const cuts = [...ends].flatMap((end) => [end - 1, end]).filter((end) => end < 200);
  return [
    ...whole,
    ...cuts.flatMap((end, at) => [end, whole.length - 1 - end].map((one) => cutOf(whole, one + at, end))),
  ];
}

function cutOf(packets: readonly Uint8Array[], at: number, end: number): Uint8Array {
  const packet = packets[Math.abs(at) % packets.length] ?? new Uint8Array(0);
  return packet.slice(0, Math.max(0, end));
}

function patched(packet: Uint8Array, { offset, bytes, bytesFor }: Source, value: number): Uint8Array {
  const changed = packet.slice();
  const read = (): number => changed.subarray(offset, offset + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
  let rest = bytesFor(value, read());
  for (let at = offset + bytes - 1; at >= offset; at--) {
    changed[at] = rest & 0xff;
    rest >>>= 8;
  }
  return changed;
}

/** Runs a program and notes the way. Written for this alone: it is no oracle. */
function traced(program: readonly Instruction[], packet: Uint8Array): Trace {
  const memory: Value[] = Array.from({ length: 16 }, () => ({ number: 0 }));
  const turns: Turn[] = [];
  const ends = new Set<number>();
  let a: Value = { number: 0 };
  let x: Value = { number: 0 };
  const load = (offset: number, bytes: number): Value | undefined => {
    ends.add(offset + bytes);
    if (offset + bytes > packet.length) return undefined;
    const number = packet.subarray(offset, offset + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
    return { number, from: { offset, bytes, bytesFor: (value) => value } };
  };
  for (let index = 0; index < program.length; index++) {
    const { code, jt, jf, k } = program[index] ?? { code: 0x06, jt: 0, jf: 0, k: 0 };
    const bytes = (code & 0x18) === 0x00 ? 4 : (code & 0x18) === 0x08 ? 2 : 1;
    const operand = (code & 0x08) === 0 ? k : x.number;
    switch (code & 0x07) {
      case 0x00:
      case 0x01: {
        let loaded: Value | undefined = { number: k };
        if ((code & 0xe0) === 0x20) loaded = load(k, bytes);
        if ((code & 0xe0) === 0x40) loaded = load(k + x.number, bytes);
        if ((code & 0xe0) === 0x60) loaded = memory[k];
        if ((code & 0xe0) === 0x80) loaded = { number: packet.length };
        if ((code & 0xe0) === 0xa0) {
          const byte = load(k, 1);
          loaded = byte === undefined ? undefined : computed(computed(byte, 0x50, 15), 0x60, 2);
        }
        if (loaded === undefined) return { turns, ends };
        if ((code & 0x07) === 0x00) a = loaded;
        else x = loaded;
        break;
      }
      case 0x02:
        memory[k] = a;
        break;
      case 0x03:
        memory[k] = x;
        break;
      case 0x04:
        a = computed(a, code & 0xf0, operand);
        break;
      case 0x05: {
        if (code === 0x05) {
          index += k;
          break;
        }
        const taken = compared(code & 0xf0, a.number, operand);
        const { from } = a;
        const wanted = from === undefined ? [] : valuesFor(code & 0xf0, operand, !taken);
        turns.push({ index, taken, flipped: wanted.flatMap((value) => (from === undefined ? [] : [{ from, value }])) });
        index += taken ? jt : jf;
        break;
      }
      case 0x06:
        return { turns, ends };
      default:
        if (code === 0x07) x = a;
        else a = x;
    }
  }
  return { turns, ends };
}

function compared(kind: number, a: number, operand: number): boolean {
  if (kind === 0x10) return a === operand;
  if (kind === 0x20) return a > operand;
  return kind === 0x30 ? a >= operand : (a & operand) !== 0;
}

/** Numbers for which a comparison goes this way, the nearest ones. */
function valuesFor(kind: number, operand: number, way: boolean): readonly number[] {
  const low_bit = (operand & -operand) >>> 0;
  if (kind === 0x10) return way ? [operand] : [(operand ^ 1) >>> 0, (operand + 0x100) >>> 0];
  if (kind === 0x20) return way ? [(operand + 1) >>> 0] : [operand];
  if (kind === 0x30) return way ? [operand] : [Math.max(0, operand - 1)];
  return way ? [low_bit, operand] : [0, ~operand >>> 0];
}

function computed({ number, from }: Value, kind: number, operand: number): Value {
  const through = (result: number, back: (value: number, now: number) => number): Value => ({
    number: result >>> 0,
    from:
      from === undefined
        ? undefined
        : { ...from, bytesFor: (value, now) => from.bytesFor(back(value, number) >>> 0, now) },
  });
  switch (kind) {
    case 0x00:
      return through(number + operand, (value) => value - operand);
    case 0x10:
      return through(number - operand, (value) => value + operand);
    case 0x40:
      return through(number | operand, (value) => value & ~operand);
    case 0x50:
      return through(number & operand, (value, before) => (before & ~operand) | (value & operand));
    case 0x60:
      return operand > 31 ? { number: 0 } : through(number << operand, (value) => value >>> operand);
    case 0x70:
      return operand > 31 ? { number: 0 } : through(number >>> operand, (value) => value << operand);
    case 0xa0:
      return through(number ^ operand, (value) => value ^ operand);
    case 0x20:
      return through(Math.imul(number, operand), (value) => (operand === 0 ? 0 : Math.floor(value / operand)));
    case 0x30:
      return through(operand === 0 ? 0 : Math.floor(number / operand), (value) => value * operand);
    case 0x90:
      return through(operand === 0 ? 0 : number % operand, (value) => value);
    default:
      return { number: -number >>> 0 };
  }
}
