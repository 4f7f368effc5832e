import type { TimeNs } from '../model/time.ts';

/** The clocks of a host. */
export interface HostClocks {
  /** CLOCK_REALTIME: what people and packets go by. It can be set at any moment. */
  wall(): TimeNs;
  /** CLOCK_MONOTONIC in nanoseconds: comparable between the processes of one boot. Stands still while the machine is suspended. */
  monotonic(): bigint;
  /** CLOCK_BOOTTIME in nanoseconds: goes on while the machine is suspended. May be coarse. */
  boottime(): bigint;
  /** Names this boot; empty where that is not known. */
  readonly boot: string;
}

/** From `since` on, by the reference clock, the wall clock is that far ahead of it. */
export interface ClockStep {
  readonly since: TimeNs;
  readonly ahead_ns: bigint;
}

/** What a later process goes on from. */
export interface KeptClock {
  readonly boot: string;
  readonly monotonic: bigint;
  /** CLOCK_BOOTTIME less CLOCK_MONOTONIC. */
  readonly suspended_ns: bigint;
  readonly wall: TimeNs;
  readonly reference: TimeNs;
  /** At least one, ascending. */
  readonly steps: readonly ClockStep[];
}

/** The wall clock was set by more than this, or it was not set. */
const step_least_ns = 20_000_000n;
/** The clocks are not read at one moment: what lies further apart says nothing. */
const between_max_ns = 5_000_000n;
const readings_max = 3;
/** How often it is looked whether the machine was suspended: reading CLOCK_BOOTTIME may take a file. */
const look_every_ns = 1_000_000_000n;
/** The same where it has hundredths of a second. */
const suspended_least_ns = 1_000_000_000n;
const steps_max = 256;

/**
 * The database's clock: begins as the wall clock, goes on with the time that has really passed, and is never set. Within a boot it
 * runs by CLOCK_MONOTONIC and CLOCK_BOOTTIME, whatever happens to the wall clock and to the processes. From one boot to the next
 * only the wall clock tells how long it took; where that went back, no time has passed.
 */
export class ReferenceClock {
  readonly #host: HostClocks;
  #reference: TimeNs;
  #monotonic: bigint;
  /** CLOCK_BOOTTIME less CLOCK_MONOTONIC: grows while the machine is suspended. */
  #suspended_ns: bigint;
  #looked: bigint;
  readonly #steps: ClockStep[];
  #noticed: bigint[] = [];

  constructor(host: HostClocks, kept?: KeptClock) {
    this.#host = host;
    this.#monotonic = host.monotonic();
    this.#looked = this.#monotonic;
    this.#suspended_ns = host.boottime() - this.#monotonic;
    const wall = host.wall();
    this.#reference = wall;
    this.#steps = [{ since: wall, ahead_ns: 0n }];
    if (kept === undefined) return;
    this.#steps = [...kept.steps];
    this.#reference = kept.reference;
    const isSameBoot = kept.boot !== '' && kept.boot === host.boot && kept.monotonic <= this.#monotonic;
    if (isSameBoot) {
      const suspended = this.#suspended_ns - kept.suspended_ns;
      this.#reference += this.#monotonic - kept.monotonic + (suspended > suspended_least_ns ? suspended : 0n);
    } else if (wall > kept.wall) this.#reference += wall - kept.wall;
    this.#look();
  }

  /** Now. */
  now(): TimeNs {
    this.#look();
    return this.#reference;
  }

  /** Now by the wall clock: for what people read and packets are stamped by. */
  wall(): TimeNs {
    return this.#host.wall();
  }

  /** What the wall clock showed, or as it goes now will show, at a moment of this clock. */
  toWall(at: TimeNs): TimeNs {
    return at + (this.#steps.findLast(({ since }) => since <= at) ?? this.#first).ahead_ns;
  }

  /** The moment of this clock at which the wall clock, as it goes now, shows that. */
  fromWall(wall: TimeNs): TimeNs {
    this.#look();
    return wall - this.#ahead_ns;
  }

  /** By how much the wall clock was set, each time since this was asked before, in nanoseconds. */
  takeSteps(): readonly bigint[] {
    this.#look();
    return this.#noticed.splice(0);
  }

  /** What a later process goes on from. */
  kept(): KeptClock {
    this.#look();
    return {
      boot: this.#host.boot,
      monotonic: this.#monotonic,
      suspended_ns: this.#suspended_ns,
      wall: this.#reference + this.#ahead_ns,
      reference: this.#reference,
      steps: [...this.#steps],
    };
  }

  get #first(): ClockStep {
    return this.#steps[0] ?? { since: this.#reference, ahead_ns: 0n };
  }

  get #ahead_ns(): bigint {
    return (this.#steps.at(-1) ?? this.#first).ahead_ns;
  }

  /** Goes on by what has passed, and notices where the wall clock was set. */
  #look(): void {
    for (let reading = 0; reading < readings_max; reading += 1) {
      const before = this.#host.monotonic();
      const wall = this.#host.wall();
      const between = this.#host.monotonic() - before;
      this.#advance(before);
      // The thread may have lost the processor between the two.
      if (between <= between_max_ns) return this.#compare(wall);
    }
  }

  #advance(monotonic: bigint): void {
    if (monotonic > this.#monotonic) this.#reference += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
    if (monotonic - this.#looked < look_every_ns) return;
    this.#looked = monotonic;
    const suspended_ns = this.#host.boottime() - monotonic;
    const more = suspended_ns - this.#suspended_ns;
    if (more < suspended_least_ns) return;
    this.#reference += more;
    this.#suspended_ns = suspended_ns;
  }

  #compare(wall: TimeNs): void {
    const ahead_ns = wall - this.#reference;
    const by = ahead_ns - this.#ahead_ns;
    if (by <= step_least_ns && by >= -step_least_ns) return;
    this.#steps.push({ since: this.#reference, ahead_ns });
    if (this.#steps.length > steps_max) this.#steps.shift();
    this.#noticed.push(by);
  }
}
