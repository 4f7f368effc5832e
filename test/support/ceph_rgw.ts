import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type CephCluster, startCephCluster } from './ceph_cluster.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { freePort } from './free_port.ts';
import { waitFor } from './wait_for.ts';

/** A user of the gateway. */
export interface RgwUser {
  /** For bucket policies: the principal is `arn:aws:iam:::user/NAME`. */
  readonly name: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

/** A real S3 service: a Ceph RADOS gateway with a cluster of its own, all on 127.0.0.1. */
export interface CephRgw {
  /** `http://127.0.0.1:PORT`, the same after a restart. */
  readonly endpoint: string;
  /** `https://127.0.0.1:PORT`; the same service behind a certificate that nobody but its owner trusts. */
  readonly tls_endpoint: string;
  /** That certificate (PEM), for 127.0.0.1 and localhost: trust it with `NODE_EXTRA_CA_CERTS` or an agent's `ca`. */
  readonly certificate: string;
  readonly certificate_file: string;
  /** The region that it answers to. */
  readonly region: string;
  /** A user who may make buckets. */
  readonly owner: RgwUser;
  /** Makes another user, who may do nothing in the owner's buckets until a policy says so. */
  createUser(name: string): Promise<RgwUser>;
  /** Runs `radosgw-admin` and returns what it printed. */
  admin(args: readonly string[]): Promise<string>;
  /** Kills the gateway (SIGKILL), in the middle of whatever it does. The stored objects stay. */
  kill(): Promise<void>;
  /** Starts the gateway again, after killing it where it still runs; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends everything and forgets every object. */
  stop(): Promise<void>;
}

/** Starts a cluster and a gateway (under a second); they die with this process. Needs Debian's radosgw and openssl. */
export async function startCephRgw(): Promise<CephRgw> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const cluster = await startCephCluster((directory) => [
    // Without tcp_nodelay every small answer waits 40 ms for an acknowledgement.
    `rgw frontends = beast endpoint=127.0.0.1:${port} ssl_endpoint=127.0.0.1:${tlsPort} tcp_nodelay=1 ` +
      `ssl_certificate=${directory}/tls.crt ssl_private_key=${directory}/tls.key`,
    'rgw thread pool size = 64',
    // The cache tells every gateway of a change, and waits half a minute for one that was killed.
    'rgw cache enabled = false',
  ]);
  const endpoint = `http://127.0.0.1:${port}`;
  let gateway: Daemon | undefined;
  const kill = async (): Promise<void> => gateway?.end();
  const stop = async (): Promise<void> => {
    await kill();
    await cluster.stop();
  };
  const restart = async (): Promise<void> => {
    await kill();
    const started = await startDaemon('radosgw', [...cluster.access, '-f'], { cwd: cluster.directory });
    gateway = started;
    await waitFor(
      async () => {
        if (!started.alive()) return 'it ended';
        return (await fetch(endpoint)).status === 200;
      },
      { what: 'radosgw answers' },
    );
    if (!started.alive()) throw new Error(`radosgw ended: ${started.output().slice(-2000)}`);
  };
  const admin = (args: readonly string[]): Promise<string> =>
    cluster.run('radosgw-admin', [...cluster.access, ...args]);
  const createUser = async (name: string): Promise<RgwUser> => {
    const user = { name, access_key_id: key(10).toUpperCase(), secret_access_key: key(20) };
    const secrets = ['--access-key', user.access_key_id, '--secret-key', user.secret_access_key];
    await admin(['user', 'create', '--uid', name, '--display-name', name, ...secrets]);
    return user;
  };
  try {
    await makeCertificate(cluster);
    await restart();
    const certificate_file = join(cluster.directory, 'tls.crt');
    return {
      endpoint,
      tls_endpoint: `https://127.0.0.1:${tlsPort}`,
      certificate: await readFile(certificate_file, 'utf8'),
      certificate_file,
      region: 'default',
      owner: await createUser('owner'),
      createUser,
      admin,
      kill,
      restart,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeCertificate(cluster: CephCluster): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'tls.key'];
  const names = ['-subj', '/CN=edgetap test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  await cluster.run('openssl', ['req', '-x509', ...key, '-out', 'tls.crt', '-days', '2', ...names]);
}

function key(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
