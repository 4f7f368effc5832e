import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { type Daemon, startDaemon } from './daemon.ts';
import { freePort } from './free_port.ts';

const run = promisify(execFile);

/** A Ceph cluster of one monitor and one OSD in memory. */
export interface CephCluster {
  /** Its directory: configuration, keys, logs. */
  readonly directory: string;
  /** Flags that make a Ceph program use it as administrator. */
  readonly access: readonly string[];
  /** Runs one of Ceph's programs to its end and returns what it printed. */
  run(program: string, args: readonly string[]): Promise<string>;
  /** Ends the daemons and removes the directory. */
  stop(): Promise<void>;
}

/** What may differ from one cluster to the next: lines for `ceph.conf`. */
export type CephSettings = (directory: string) => readonly string[];

/**
 * Starts a cluster on loopback in about half a second. Everything is kept in the OSD's memory and gone when it stops.
 * Needs Debian's ceph-mon and ceph-osd; runs as any user.
 */
export async function startCephCluster(settings: CephSettings = () => []): Promise<CephCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'edgetap-ceph-'));
  const daemons: Daemon[] = [];
  const stop = async (): Promise<void> => {
    for (const daemon of daemons.toReversed()) await daemon.end();
    await rm(directory, { recursive: true, force: true });
  };
  const configuration = ['-c', join(directory, 'ceph.conf')];
  const call = async (program: string, args: readonly string[]): Promise<string> =>
    (await run(program, [...args], { cwd: directory, maxBuffer: 64 << 20 })).stdout;
  try {
    const cluster = randomUUID();
    const monitor = `v2:127.0.0.1:${await freePort()}/0`;
    const lines = [...configurationOf(directory, cluster, monitor), ...settings(directory)];
    await writeFile(join(directory, 'ceph.conf'), `[global]\n${lines.join('\n')}\n`);
    for (const [name, ...capabilities] of keys) {
      const create = name === 'mon.' ? ['--create-keyring'] : [];
      await call('ceph-authtool', ['keyring', ...create, '--gen-key', '-n', name, ...capabilities]);
    }
    await call('monmaptool', ['--create', '--fsid', cluster, '--addv', 'a', monitor, 'monmap']);
    await mkdir(join(directory, 'mon'));
    await mkdir(join(directory, 'osd'));
    await call('ceph-mon', [...configuration, '-i', 'a', '--mkfs', '--monmap', 'monmap', '--keyring', 'keyring']);
    daemons.push(await startDaemon('ceph-mon', [...configuration, '-i', 'a', '-f'], { cwd: directory }));
    const disk = randomUUID();
    await call('ceph', [...configuration, '--connect-timeout', '20', 'osd', 'new', disk]);
    await call('ceph-osd', [...configuration, '-i', '0', '--mkfs', '--osd-uuid', disk]);
    daemons.push(await startDaemon('ceph-osd', [...configuration, '-i', '0', '-f'], { cwd: directory }));
  } catch (error) {
    const said = daemons.map((daemon) => daemon.output().slice(-2000)).join('\n');
    await stop();
    throw new Error(`Ceph does not start: ${String(error)}\n${said}`, { cause: error });
  }
  return { directory, access: [...configuration, '-n', 'client.admin'], run: call, stop };
}

const keys = [
  ['mon.', '--cap', 'mon', 'allow *'],
  ['client.admin', '--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'],
  ['osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *'],
] as const;

function configurationOf(directory: string, cluster: string, monitor: string): string[] {
  return [
    `fsid = ${cluster}`,
    `mon host = ${monitor}`,
    'public addr = 127.0.0.1',
    'cluster addr = 127.0.0.1',
    `run dir = ${directory}`,
    `keyring = ${directory}/keyring`,
    `mon data = ${directory}/mon`,
    `osd data = ${directory}/osd`,
    'log file =',
    'mon cluster log file =',
    'log to stderr = true',
    'admin socket =',
    // radosgw gives no answer at all when the cluster has no authentication.
    'auth cluster required = cephx',
    'auth service required = cephx',
    'auth client required = cephx',
    'osd objectstore = memstore',
    'memstore device bytes = 8589934592',
    'osd pool default size = 1',
    'osd pool default min size = 1',
    'osd pool default pg num = 1',
    'osd pool default pgp num = 1',
    'osd pool default pg autoscale mode = off',
    'osd crush chooseleaf type = 0',
    'mon allow pool size one = true',
    // Each change of the maps waits this long; at the default, the start takes ten seconds.
    'paxos propose interval = 0.01',
    'paxos min wait = 0.01',
    // One OSD without a manager reports to nobody: nothing may come of its silence.
    'osd heartbeat grace = 3600',
    'mon osd report timeout = 36000',
    // A monitor gives up on a disk that is nearly full, though next to nothing is on it.
    'mon data avail crit = 0',
    'mon data avail warn = 0',
  ];
}
