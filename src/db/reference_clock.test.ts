import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { type HostClocks, type KeptClock, ReferenceClock } from './reference_clock.ts';
import { times } from '../../test/support/soak.ts';

const ms = 1_000_000n;
const second = 1000n * ms;
const start = 1_800_000_000n * second;

/** A machine whose time passes, whose wall clock is set, and that sleeps and boots, all by hand. */
class Machine {
  /** What a perfect clock would show. */
  real = start;
  set_ns = 0n;
  #booted = start - 1000n * second;
  #slept = 0n;
  #boots = 0;

  get host(): HostClocks {
    return {
      wall: () => this.real + this.set_ns,
      monotonic: () => this.real - this.#booted - this.#slept,
      // As /proc/uptime has it.
      boottime: () => ((this.real - this.#booted) / (10n * ms)) * 10n * ms,
      boot: `boot${this.#boots}`,
    };
  }

  sleep(ns: bigint): void {
    this.real += ns;
    this.#slept += ns;
  }

  reboot(ns: bigint): void {
    this.real += ns;
    this.#booted = this.real - second;
    this.#slept = 0n;
    this.#boots += 1;
  }
}

/** Through its stored form. */
const stored = (kept: KeptClock): KeptClock => fromJsonText(toJsonText(kept)) as KeptClock;
const anyStep = fc.oneof(
  fc.bigInt({ min: -30n * second, max: 30n * second }),
  fc
    .constantFrom(3600n, -3600n, 90_000n, -90_000n, 86_400n * 30n, -86_400n * 400n, 86_400n * 20_000n)
    .map((s) => s * second),
);
const anyDeed = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ns: fc.bigInt({ min: 0n, max: 4000n * second }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), ns: anyStep }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('sleep' as const),
      ns: fc.bigInt({ min: 5n * second, max: 90_000n * second }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('restart' as const, 'crash' as const),
      ns: fc.bigInt({ min: 0n, max: 90_000n * second }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('keep' as const), ns: fc.constant(0n) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reboot' as const), ns: fc.bigInt({ min: second, max: 90_000n * second }) }),
  },
);

describe('the reference clock', () => {
  test('goes on with the time that really passes, whatever is set, and says what the wall clock showed', () => {
    const runs = times(1000);
    fc.assert(
      fc.property(fc.array(anyDeed, { maxLength: 25 }), (deeds) => {
        const machine = new Machine();
        let clock = new ReferenceClock(machine.host);
        let kept = stored(clock.kept());
        let told = start;
        /** What really passed, as far as anybody can know it. */
        let passed = 0n;
        let coarse = 0;
        const noted: { at: bigint; wall: bigint }[] = [];
        for (const { do: what, ns } of deeds) {
          const before = machine.real;
          // No two things happen at one moment.
          machine.real += ms;
          if (what === 'pass') machine.real += ns;
          if (what === 'set') machine.set_ns += ns;
          if (what === 'sleep') {
            machine.sleep(ns);
            // Within a second of work it is noticed.
            machine.real += second;
          }
          if (what === 'keep' || what === 'restart') kept = stored(clock.kept());
          passed += machine.real - before;
          if (what === 'restart' || what === 'crash') {
            machine.real += ns;
            passed += ns;
            clock = new ReferenceClock(machine.host, kept);
          }
          if (what === 'reboot') {
            kept = stored(clock.kept());
            machine.reboot(ns);
            passed += ns;
            clock = new ReferenceClock(machine.host, kept);
            // Control writes it down as soon as it is there.
            kept = stored(clock.kept());
          }
          if (what === 'sleep' || what === 'reboot') coarse += 1;
          const at = clock.now();
          const late = at - (start + passed);
          // CLOCK_BOOTTIME is that coarse, and smaller steps are none.
          expect(late < 0n ? -late : late).toBeLessThanOrEqual(20n * ms * BigInt(coarse));
          expect(at).toBeGreaterThanOrEqual(told - 20n * ms * BigInt(coarse));
          told = at;
          noted.push({ at, wall: machine.host.wall() });
        }
        // What happened between two looks, and was lost with a crash, may not be known any more.
        const crashed = deeds.some((deed) => deed.do === 'crash');
        for (const { at, wall } of crashed ? noted.slice(-1) : noted) {
          const off = clock.toWall(at) - wall;
          expect(off < 0n ? -off : off).toBeLessThanOrEqual(20n * ms);
        }
        const now = clock.now();
        expect(clock.fromWall(clock.toWall(now))).toBe(now);
      }),
      { numRuns: runs },
    );
  });

  test('after a boot only the wall clock tells how long it took, and never that it took less than nothing', () => {
    for (const [step_s, expected_s] of [
      [0n, 600n],
      [3600n, 4200n],
      [-3600n, 0n],
    ] as const) {
      const machine = new Machine();
      const kept = stored(new ReferenceClock(machine.host).kept());
      machine.reboot(600n * second);
      machine.set_ns += step_s * second;
      expect(new ReferenceClock(machine.host, kept).now()).toBe(start + expected_s * second);
    }
  });

  test('a boot without a name is another one, and so is one whose clock began anew', () => {
    for (const change of [{ boot: '' }, { monotonic: (): bigint => 0n, boottime: (): bigint => 0n }]) {
      const machine = new Machine();
      const kept = { ...new ReferenceClock(machine.host).kept(), boot: change.boot ?? 'boot0' };
      machine.real += 60n * second;
      expect(new ReferenceClock({ ...machine.host, ...change }, kept).now()).toBe(start + 60n * second);
    }
  });

  test('tells each step once', () => {
    const machine = new Machine();
    const clock = new ReferenceClock(machine.host);
    expect(clock.takeSteps()).toEqual([]);
    machine.set_ns += 3600n * second;
    clock.now();
    machine.set_ns -= 7200n * second;
    expect(clock.takeSteps()).toEqual([3600n * second, -7200n * second]);
    expect(clock.takeSteps()).toEqual([]);
  });

  test('a thread that loses the processor between two clocks has noticed no step', () => {
    const machine = new Machine();
    const lost = [0n, 40n * ms, 80n * ms, 0n];
    const host = { ...machine.host, wall: () => (machine.real += lost.shift() ?? 0n) };
    const clock = new ReferenceClock(host);
    for (let look = 0; look < 5; look += 1) clock.now();
    expect(clock.takeSteps()).toEqual([]);
  });
});
