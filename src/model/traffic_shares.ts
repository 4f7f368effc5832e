/** Of the mean of all interfaces an idle one counts as much: it may become busy. */
const idle_share = 0.1;
/** What came a second ago counts half of what comes now. */
const decay = 0.5;

/** Follows how busy each interface is, so that rings are large where the traffic is. */
export class TrafficShares {
  /** Bytes of each interface by the last look, as they are counted since it exists. */
  #counted: ReadonlyMap<string, number> = new Map();
  #busy = new Map<string, number>();

  /** The shares by all that interfaces have had since they exist. */
  static ever(counted: ReadonlyMap<string, number>): TrafficShares {
    const shares = new TrafficShares();
    shares.#busy = new Map(counted);
    return shares;
  }

  /** Takes the counts of bytes since each interface exists, by name; a second after the ones before. */
  look(counted: ReadonlyMap<string, number>): void {
    const busy = new Map<string, number>();
    for (const [name, bytes] of counted) {
      const came = bytes - (this.#counted.get(name) ?? bytes);
      busy.set(name, Math.max(0, came) + (this.#busy.get(name) ?? 0) * decay);
    }
    [this.#counted, this.#busy] = [counted, busy];
  }

  /** The share of an interface, 0 to 1, in the traffic of `among`, of which it is one. Together they have 1. */
  shareOf(name: string, among: readonly string[]): number {
    const busy = (of: string): number => this.#busy.get(of) ?? 0;
    const total = among.reduce((sum, one) => sum + busy(one), 0);
    const idle = total === 0 ? 1 : (total / among.length) * idle_share;
    return (busy(name) + idle) / (total + idle * among.length);
  }
}
