import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, fault } from '../model/errors/fault.ts';
import { idFrom, isId } from '../model/id.ts';

/** What a sensor is, whatever it is called. */
export interface SensorIdentity {
  /** 32 hex characters. */
  readonly sensor_id: string;
  /** Why it may be another one at the next start; the operator is told. */
  readonly trouble?: Fault;
}

/**
 * The identity that a sensor's directory holds; one that has none gets one. What cannot be read as one is kept beside it. A sensor starts
 * also where the disk gives or takes nothing: control knows it by its name then.
 */
export async function sensorIdentity(
  directory: string,
  random: (count: number) => Uint8Array,
): Promise<SensorIdentity> {
  const path = join(directory, 'identity');
  const fresh = idFrom(random(16));
  try {
    const found = await textOf(path);
    const sensor_id = found?.trim() ?? '';
    if (isId(sensor_id)) return { sensor_id };
    const kept = `${path}.damaged-${fresh.slice(0, 8)}`;
    if (found !== undefined) await rename(path, kept);
    await write(directory, path, fresh);
    if (found === undefined) return { sensor_id: fresh };
    const reason = `what was in it is no identity, and is kept as ${kept}`;
    return { sensor_id: fresh, trouble: fault('sensor_id_untold', { path, reason }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { sensor_id: fresh, trouble: fault('sensor_id_untold', { path, reason }) };
  }
}

async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Whole and on the disk, or not there: whatever comes between. */
async function write(directory: string, path: string, sensor_id: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(`${sensor_id}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  const parent = await open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}
