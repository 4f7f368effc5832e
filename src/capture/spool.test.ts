import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPcap, samplePackets } from '../../test/support/packet_samples.ts';
import { Spool } from './spool.ts';

const id = 'ab'.repeat(16);
let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'edgetap-spool-')), 'spool');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

describe('a spool', () => {
  test('makes a part its file, once, for nobody else to read', async () => {
    const { spool, recovered } = await Spool.open(directory, 1000);
    expect(recovered).toEqual([]);
    const { path, handle, named } = await spool.create(id, 'eth0');
    await named;
    await handle.close();
    expect(path).toBe(join(directory, id, 'eth0.pcap'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, id)).mode & 0o777).toBe(0o700);
    await expect(spool.create(id, 'eth0')).rejects.toThrow(/Writing to the spool failed: EEXIST/);
  });

  test('forgets a part and its bytes, and leaves the files of others', async () => {
    mkdirSync(join(directory, id), { recursive: true });
    writeFileSync(join(directory, id, 'eth0.pcap'), buildPcap([]));
    writeFileSync(join(directory, id, 'eth1.pcap'), buildPcap([]));
    writeFileSync(join(directory, id, 'eth1.json'), '{}');
    const { spool } = await Spool.open(directory, 1000);
    expect(spool.budget.used_bytes).toBe(48);
    await spool.remove(id, 'eth0');
    await spool.remove(id, 'eth0');
    expect(spool.budget.used_bytes).toBe(24);
    await spool.remove(id, 'eth1');
    expect(spool.budget.used_bytes).toBe(0);
    expect(existsSync(join(directory, id, 'eth1.json'))).toBe(true);
    rmSync(join(directory, id, 'eth1.json'));
    const { handle } = await spool.create(id, 'eth1');
    await handle.close();
    await spool.remove(id, 'eth1');
    expect(existsSync(join(directory, id))).toBe(false);
  });

  test('tells what cannot be read, beside the rest', async () => {
    mkdirSync(join(directory, id, 'eth0.pcap'), { recursive: true });
    writeFileSync(join(directory, id, 'eth1.pcap'), buildPcap([]));
    writeFileSync(join(directory, 'cd'.repeat(16)), 'no directory');
    const { recovered } = await Spool.open(directory, 1000);
    expect(recovered).toMatchObject([
      { part: 'eth0', packets: 0, unreadable: 'it is not a file' },
      { part: 'eth1', packets: 0, file_bytes: 24 },
    ]);
    expect(recovered[1]).not.toHaveProperty('unreadable');
  });

  test.each(['...', '..x', '-rf', '%2e', 'ü-15-bytes-long'])(
    'keeps a part named %j, as an interface may be',
    async (part) => {
      const { spool } = await Spool.open(directory, 1000);
      const { path, handle } = await spool.create(id, part);
      await handle.close();
      expect(readdirSync(join(directory, id))).toEqual([`${part}.pcap`]);
      expect(path).toBe(join(directory, id, `${part}.pcap`));
      const { recovered } = await Spool.open(directory, 1000);
      expect(recovered).toMatchObject([{ part, path }]);
      await spool.remove(id, part);
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  test.each(['.', '..', '../x', 'a/b', '', 'x\0'])('refuses a part named %j', async (part) => {
    const { spool } = await Spool.open(directory, 1000);
    expect(() => spool.path(id, part)).toThrow(RangeError);
    expect(() => spool.path(`../${id.slice(3)}`, 'eth0')).toThrow(RangeError);
  });
});

describe('a spool that is opened again', () => {
  test('cuts every part after its last whole record', async () => {
    await fc.assert(
      fc.asyncProperty(samplePackets(20), fc.nat(), async (packets, at) => {
        const whole = buildPcap(packets);
        const torn = whole.subarray(0, at % (whole.length + 1));
        mkdirSync(join(directory, id), { recursive: true });
        const path = join(directory, id, 'eth0.100.pcap');
        writeFileSync(path, torn);
        const { spool, recovered } = await Spool.open(directory, 1_000_000);
        let [file_bytes, kept, bytes] = [torn.length < 24 ? 0 : 24, 0, 0];
        for (const { data } of torn.length < 24 ? [] : packets) {
          if (file_bytes + 16 + data.length > torn.length) break;
          file_bytes += 16 + data.length;
          bytes += data.length;
          kept += 1;
        }
        const cut_bytes = torn.length - file_bytes;
        const times = packets.slice(0, kept).map(({ time }) => time);
        const ascending = times.every((time, index) => time >= (times[index - 1] ?? 0n));
        expect(recovered).toEqual([
          { capture_id: id, part: 'eth0.100', path, file_bytes, packets: kept, bytes, ascending, cut_bytes },
        ]);
        expect(readFileSync(path)).toEqual(whole.subarray(0, file_bytes));
        expect(spool.budget.used_bytes).toBe(file_bytes);
      }),
      { numRuns: 50 },
    );
  });

  test('cuts a tail of zeros, as a power cut may leave it', async () => {
    mkdirSync(join(directory, id), { recursive: true });
    const path = join(directory, id, 'eth0.pcap');
    const whole = buildPcap([{ time: 1_700_000_000_000_000_000n, original: 40, data: new Uint8Array(40) }]);
    writeFileSync(path, whole);
    appendFileSync(path, new Uint8Array(5000));
    const { recovered } = await Spool.open(directory, 1000);
    expect(recovered).toMatchObject([{ file_bytes: 80, packets: 1, cut_bytes: 5000 }]);
    expect(readFileSync(path)).toEqual(whole);
  });

  test('takes no other files for parts', async () => {
    mkdirSync(join(directory, id), { recursive: true });
    mkdirSync(join(directory, 'lost+found'));
    writeFileSync(join(directory, id, 'eth0.json'), '{}');
    writeFileSync(join(directory, 'note.pcap'), 'x');
    const { spool, recovered } = await Spool.open(directory, 1000);
    expect([recovered, spool.budget.used_bytes]).toEqual([[], 0]);
  });
});
