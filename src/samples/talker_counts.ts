import { addressText } from '../filter/address.ts';

/** Packets from one address to another. */
export interface PacketTalker {
  readonly source: string;
  readonly destination: string;
  readonly packets_estimated: bigint;
  readonly bytes_estimated: bigint;
}

/** Counts packets and bytes by pairs of addresses, in bounded memory. */
export interface TalkerCounts {
  /**
   * Bytes that any pair can have beyond what is told of it, and the most that a pair can have of which nothing is told; 0 while there
   * were no more than `pairs_max` pairs. At most two in `pairs_max` of all bytes.
   */
  readonly missed_bytes: number;
  /** Adds to the pair whose addresses, of 4 or 16 bytes each, are at these offsets. */
  add(
    view: DataView,
    source: number,
    destination: number,
    address_length: number,
    packets: number,
    bytes: number,
  ): void;
  /** The `count` pairs with the most bytes, these first. */
  top(count: number): PacketTalker[];
}

/** So many pairs are counted exactly; about 5 MB. */
const pairs_max_default = 65_536;
const pair_words = 8;

/**
 * Makes empty counts. Up to `pairs_max` pairs are exact. When more come, the lesser half is forgotten, and from then on a pair that
 * comes anew may have been among the forgotten: the greatest of these bounds what it can have had. That is Space-Saving (Metwally et al.,
 * "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005) with its evictions in bulk: the bound doubles, and a
 * packet costs the same whether its pair is known or not, so that a flood from forged addresses is no harder to count than any other
 * traffic. `hash_seed` must be unpredictable, for the senders of packets choose the keys.
 */
export function createTalkerCounts(hash_seed: number, pairs_max: number = pairs_max_default): TalkerCounts {
  const slots = 2 ** Math.ceil(Math.log2(pairs_max * 2));
  // Number of a pair, counted from 1; 0 is free.
  const table = new Uint32Array(slots);
  const words = new Uint32Array(pairs_max * pair_words);
  const lengths = new Uint8Array(pairs_max);
  const hashes = new Uint32Array(pairs_max);
  const packet_sums = new Float64Array(pairs_max);
  const byte_sums = new Float64Array(pairs_max);
  // What a pair can have had before it was counted.
  const missed = new Float64Array(pairs_max);
  const key = new Uint32Array(pair_words);
  let pairs = 0;
  let missed_bytes = 0;

  const readKey = (view: DataView, source: number, destination: number, length: number): number => {
    let hash = hash_seed | 0;
    for (let word = 0; word < 4; word++) {
      const there = word * 4 < length;
      const from = there ? view.getUint32(source + word * 4) : 0;
      const to = there ? view.getUint32(destination + word * 4) : 0;
      key[word] = from;
      key[word + 4] = to;
      if (there) hash = mix(mix(hash, from), to);
    }
    return mix(hash, length) >>> 0;
  };

  /** The slot of the pair that `key` holds, or the free one where it would be. */
  const find = (hash: number, length: number): number => {
    for (let slot = hash & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const pair = (table[slot] ?? 0) - 1;
      if (pair < 0 || (hashes[pair] === hash && lengths[pair] === length && isKey(pair))) return slot;
    }
  };

  const isKey = (pair: number): boolean => {
    for (let word = 0; word < pair_words; word++) {
      if (words[pair * pair_words + word] !== key[word]) return false;
    }
    return true;
  };

  /** Forgets the lesser half, and what is equal to the greatest of it. */
  const forget = (): void => {
    const most = byte_sums.map((bytes, pair) => bytes + (missed[pair] ?? 0)).sort();
    missed_bytes = most[(pairs_max - 1) >> 1] ?? 0;
    const before = pairs;
    pairs = 0;
    for (let pair = 0; pair < before; pair++) {
      if ((byte_sums[pair] ?? 0) + (missed[pair] ?? 0) > missed_bytes) move(pair, pairs++);
    }
    table.fill(0);
    for (let pair = 0; pair < pairs; pair++) {
      let slot = (hashes[pair] ?? 0) & (slots - 1);
      while (table[slot] !== 0) slot = (slot + 1) & (slots - 1);
      table[slot] = pair + 1;
    }
  };

  const move = (from: number, to: number): void => {
    words.copyWithin(to * pair_words, from * pair_words, (from + 1) * pair_words);
    for (const column of [lengths, hashes, packet_sums, byte_sums, missed]) column[to] = column[from] ?? 0;
  };

  const addressOf = (pair: number, first_word: number): string => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (let word = 0; word < 4; word++) view.setUint32(word * 4, words[pair * pair_words + first_word + word] ?? 0);
    return addressText(bytes.subarray(0, lengths[pair]));
  };

  return {
    get missed_bytes() {
      return missed_bytes;
    },
    add(view, source, destination, address_length, packets, bytes) {
      const hash = readKey(view, source, destination, address_length);
      let slot = find(hash, address_length);
      let pair = (table[slot] ?? 0) - 1;
      if (pair < 0) {
        if (pairs === pairs_max) {
          forget();
          slot = find(hash, address_length);
        }
        pair = pairs++;
        table[slot] = pair + 1;
        words.set(key, pair * pair_words);
        lengths[pair] = address_length;
        hashes[pair] = hash;
        packet_sums[pair] = 0;
        byte_sums[pair] = 0;
        missed[pair] = missed_bytes;
      }
      packet_sums[pair] = (packet_sums[pair] ?? 0) + packets;
      byte_sums[pair] = (byte_sums[pair] ?? 0) + bytes;
    },
    top(count) {
      const order = Uint32Array.from({ length: pairs }, (_, pair) => pair).sort(
        (one, other) => (byte_sums[other] ?? 0) - (byte_sums[one] ?? 0) || one - other,
      );
      return Array.from(order.subarray(0, count), (pair) => ({
        source: addressOf(pair, 0),
        destination: addressOf(pair, 4),
        packets_estimated: BigInt(packet_sums[pair] ?? 0),
        bytes_estimated: BigInt(byte_sums[pair] ?? 0),
      }));
    },
  };
}

/** One step of MurmurHash3 (Appleby, 2011) in 32 bits. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
