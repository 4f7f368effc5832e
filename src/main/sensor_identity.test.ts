import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isId } from '../model/id.ts';
import { sensorIdentity } from './sensor_identity.ts';

const random = (count: number): Uint8Array => randomBytes(count);
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-identity-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('it is made once, and stays', async () => {
  const first = await sensorIdentity(join(directory, 'sensor'), random);
  expect(isId(first.sensor_id)).toBe(true);
  expect(first.trouble).toBeUndefined();
  expect(await sensorIdentity(join(directory, 'sensor'), random)).toEqual(first);
  expect(readdirSync(join(directory, 'sensor'))).toEqual(['identity']);
});

test.each([
  ['is empty', ''],
  ['is of another kind', 'edgetap'],
  ['has a flipped bit', `${'a'.repeat(31)}q\n`],
  ['is cut', 'a'.repeat(20)],
  ['is binary', '\u0000\ufffd'],
])('one that %s is kept beside, and another is made', async (_what, text) => {
  const path = join(directory, 'identity');
  writeFileSync(path, text);
  const { sensor_id, trouble } = await sensorIdentity(directory, random);
  expect(trouble).toMatchObject({ name: 'sensor_id_untold', code: 1835 });
  const [kept] = readdirSync(directory).filter((name) => name.startsWith('identity.damaged-'));
  expect(trouble?.message).toContain(join(directory, kept ?? 'none'));
  expect(readFileSync(join(directory, kept ?? 'none'), 'utf8')).toBe(text);
  expect(await sensorIdentity(directory, random)).toEqual({ sensor_id });
});

test('a sensor whose directory takes nothing starts all the same, and says so', async () => {
  writeFileSync(join(directory, 'file'), '');
  const { sensor_id, trouble } = await sensorIdentity(join(directory, 'file'), random);
  expect(isId(sensor_id)).toBe(true);
  expect(trouble).toMatchObject({ name: 'sensor_id_untold' });
});
