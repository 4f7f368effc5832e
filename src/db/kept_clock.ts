import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { mustBe, readableOne, reading } from './damaged_row.ts';
import type { Database, DatabaseClock } from './database.ts';
import { type HostClocks, type KeptClock, ReferenceClock } from './reference_clock.ts';
import { readSetting, writeSetting } from './settings.ts';

const setting = 'clock';
/** After the loss of power, no more than this has passed unseen where the wall clock went back. */
const keep_every_ns = 60_000_000_000n;

/** The clock of a database as its last process left it, or one that begins now. */
export async function keptClock(
  db: Pick<Database, 'query' | 'rows' | 'now' | 'wall' | 'damaged' | 'transaction'>,
  host: HostClocks,
): Promise<DatabaseClock> {
  const text = await readSetting(db, setting);
  const read = (): KeptClock | undefined =>
    text === undefined ? undefined : reading('its clock', () => readKept(text));
  const clock = new ReferenceClock(host, readableOne(db, read));
  let kept: bigint | undefined;
  const untold: bigint[] = [];
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    toWall: (at) => clock.toWall(at),
    fromWall: (wall) => clock.fromWall(wall),
    keep: async () => {
      untold.push(...clock.takeSteps());
      if (kept !== undefined && untold.length === 0 && clock.now() - kept < keep_every_ns) return [];
      await db.transaction(async (tx) => await writeSetting(tx, setting, toJsonText(clock.kept())));
      kept = clock.now();
      return untold.splice(0);
    },
  };
}

function readKept(text: string): KeptClock {
  const kept = fromJsonText(text) as Partial<KeptClock> | null;
  const numbers = [kept?.monotonic, kept?.suspended_ns, kept?.wall, kept?.reference];
  const steps: readonly unknown[] = Array.isArray(kept?.steps) ? kept.steps : [];
  mustBe(typeof kept?.boot === 'string' && numbers.every(isTime) && steps.length > 0 && steps.every(isStep), 'it');
  return kept as KeptClock;
}

function isStep(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isTime);
}

function isTime(value: unknown): boolean {
  return typeof value === 'bigint' && BigInt.asIntN(63, value) === value;
}
