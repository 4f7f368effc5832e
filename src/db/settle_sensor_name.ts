import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { unfinishedStatuses } from './captures.ts';
import type { Transaction } from './database.ts';
import { sensorById, sensorByName, setSensorId } from './sensors.ts';

/**
 * A sensor of this identity calls itself by that name now: where it was known by another, all that is kept of it gets the new one.
 * Returns the name of before in that case. Another sensor that had the new name, which must be gone, is known by a name that nobody has.
 */
export async function settleSensorName(tx: Transaction, id: string, name: string): Promise<string | undefined> {
  const own = await sensorById(tx, id);
  if (own?.name === name) return undefined;
  const taken = (await sensorByName(tx, name)) !== undefined;
  if (own === undefined) {
    // Its host was set up anew, or it is of before there were identities.
    if (taken) await setSensorId(tx, name, id);
    return undefined;
  }
  const aside = await freeName(tx, name);
  await renameParts(tx, name, aside);
  if (taken) await renameSensor(tx, name, aside);
  await renameParts(tx, own.name, name);
  await renameSensor(tx, own.name, name);
  const earlier = [...new Set([...(own.earlier_names ?? []), own.name])].filter((one) => one !== name);
  await tx.query
    .updateTable('sensors')
    .set({ earlier_names: toJsonText(earlier) })
    .where('name', '=', name)
    .execute();
  return own.name;
}

/** A name that begins like this one, and that neither a sensor nor a part has. */
async function freeName(tx: Transaction, name: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const free = `${name.slice(0, 48)}.before-${number}`;
    const part = await tx.query.selectFrom('parts').select('sensor').where('sensor', '=', free).executeTakeFirst();
    if (part === undefined && (await sensorByName(tx, free)) === undefined) return free;
  }
}

/** What it still has to do goes with it; captures that have ended keep the name that they were made with. */
async function renameParts({ query }: Transaction, from: string, to: string): Promise<void> {
  await query
    .updateTable('parts')
    .set({ sensor: to })
    .where('sensor', '=', from)
    .where('capture_id', 'in', (row) =>
      row.selectFrom('captures').select('id').where('status', 'in', unfinishedStatuses),
    )
    .execute();
}

/** Its row, what is granted on it, and what captures look back on. */
async function renameSensor({ query }: Transaction, from: string, to: string): Promise<void> {
  await query.updateTable('sensors').set({ name: to }).where('name', '=', from).execute();
  for (const { id, sensors } of await query.selectFrom('accounts').select(['id', 'sensors']).execute()) {
    const granted = renamed(fromJsonText(sensors), from, to);
    if (granted === undefined) continue;
    await query
      .updateTable('accounts')
      .set({ sensors: toJsonText(granted) })
      .where('id', '=', id)
      .execute();
  }
  const captures = await query
    .selectFrom('captures')
    .select(['id', 'scope'])
    .where('status', 'in', unfinishedStatuses)
    .execute();
  for (const { id, scope } of captures) {
    const before = fromJsonText(scope) as { readonly sensors?: unknown };
    const sensors = renamed(before.sensors, from, to);
    if (sensors === undefined) continue;
    await query
      .updateTable('captures')
      .set({ scope: toJsonText({ ...before, sensors }) })
      .where('id', '=', id)
      .execute();
  }
}

/** A scope's sensors with the new name; undefined where the old one is not among them. */
function renamed(sensors: unknown, from: string, to: string): readonly unknown[] | undefined {
  if (!Array.isArray(sensors) || !sensors.includes(from)) return undefined;
  return [...new Set(sensors.map((name: unknown) => (name === from ? to : name)))];
}
