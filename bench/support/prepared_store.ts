import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { streamDirectory } from '../../src/samples/stream_name.ts';
import { startLines } from './line_process.ts';
import { progress } from './progress.ts';

/** A sample store full of packets of the mix. */
export interface PreparedStore {
  /** The store's directory. */
  readonly samples: string;
  /** The packet files, oldest first. */
  readonly segments: readonly string[];
  readonly packets: number;
  /** The full second at which the packets begin, and the one after the last. */
  readonly begin_s: number;
  readonly end_s: number;
}

/** What is written down of a store that is whole. */
interface Manifest {
  readonly packets: number;
  readonly segments: number;
  readonly addresses: number;
  readonly begin_s: number;
  readonly end_s: number;
  /** The digest of the sources that made it. */
  readonly made_by: string;
}

/** What writes segments, and what is in them. */
const makers = ['src/samples', 'src/pcap', 'bench/support/make_store.ts', 'bench/support/packet_mix.ts'];

/** Samples are kept, and can be asked for, one day: one that was made before this is too old. */
const age_max_s = 20 * 3600;
const stream = { interface: 'bench0', linktype: 1 };

/** Makes a store of so many packets that end about now; takes the one in `directory` where that is not too old, and of these sources. */
export async function prepareStore(directory: string, packets: number): Promise<PreparedStore> {
  const written = join(directory, 'store.json');
  const samples = join(directory, 'samples');
  const now_s = Math.floor(Date.now() / 1000);
  let manifest = existsSync(written) ? (JSON.parse(readFileSync(written, 'utf8')) as Manifest) : undefined;
  const made_by = digestOf(makers);
  if (manifest?.made_by !== made_by || now_s - manifest.begin_s > age_max_s) {
    rmSync(written, { force: true });
    rmSync(samples, { recursive: true, force: true });
    mkdirSync(samples, { recursive: true, mode: 0o700 });
    progress(`making a store of ${packets} packets in ${samples}`);
    manifest = { ...(await makeStore(samples, packets, now_s - 301)), made_by };
    writeFileSync(written, JSON.stringify(manifest));
  }
  const folder = join(samples, streamDirectory(stream));
  const segments = readdirSync(folder).filter((name) => /^\d+\.pcap$/.test(name));
  if (segments.length !== manifest.segments) {
    throw new Error(
      `the store in ${samples} has ${segments.length} segments, and ${manifest.segments} were made: remove ${directory}`,
    );
  }
  return {
    samples,
    segments: segments.toSorted().map((name) => join(folder, name)),
    packets: manifest.packets,
    begin_s: manifest.begin_s,
    end_s: manifest.end_s,
  };
}

/** A data directory for a server whose sensor has this store. It may be removed: the store stays. */
export function dataDirectoryOf({ samples }: PreparedStore): string {
  const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-bench-'));
  mkdirSync(join(data_dir, 'sensor'), { mode: 0o700 });
  symlinkSync(samples, join(data_dir, 'sensor', 'samples'));
  return data_dir;
}

/** Takes away what a server has sampled itself. */
export function cleanStore({ samples }: PreparedStore): void {
  for (const name of readdirSync(samples)) {
    if (name !== streamDirectory(stream)) rmSync(join(samples, name), { recursive: true });
  }
}

async function makeStore(samples: string, packets: number, begin_s: number): Promise<Omit<Manifest, 'made_by'>> {
  const script = new URL('make_store.ts', import.meta.url).pathname;
  const maker = startLines(process.execPath, [script, samples, stream.interface, String(packets), String(begin_s)]);
  const made = JSON.parse(await maker.read()) as {
    readonly segments: number;
    readonly addresses: number;
    readonly last_ns: string;
  };
  await maker.end();
  const end_s = Number(BigInt(made.last_ns) / 1_000_000_000n) + 1;
  return { packets, segments: made.segments, addresses: made.addresses, begin_s, end_s };
}

/** Of all sources, tests left out, in files and directories of this tree. */
function digestOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) {
    const place = resolve(import.meta.dirname, '../..', path);
    const names = path.endsWith('.ts') ? [''] : readdirSync(place, { recursive: true, encoding: 'utf8' }).toSorted();
    for (const name of names.map((one) => join(place, one))) {
      if (name.endsWith('.ts') && !name.endsWith('.test.ts')) hash.update(readFileSync(name));
    }
  }
  return hash.digest('hex');
}
