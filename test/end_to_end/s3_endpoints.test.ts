import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jumboFrames } from '../fixtures/jumbo_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { scratchFolder } from '../support/packet_tools.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { proveS3Bucket, type S3Owner, startS3Owner } from '../support/s3_owner.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, showCapture, stopCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const scratch = scratchFolder();
let owner: S3Owner;
let pair: NamespacePair;
let served: Served;
let hosts_path: string;
/** Nothing may ever connect here. */
let trap: TcpServer;
let trap_port: number;
let caught = 0;
/** Stands before the gateway and passes everything on, or answers with a redirect into the trap. */
let relay: Server;
let relay_endpoint: string;
let redirects: (request: IncomingMessage) => boolean = () => false;

/** What `localhost` means to edgetap, and to nobody else. */
function pointLocalhostTo(address: string): void {
  writeFileSync(hosts_path, `${address} localhost\n`);
}

beforeAll(async () => {
  [owner, pair] = await Promise.all([startS3Owner(), createNamespacePair({ mtu: 9000 })]);
  trap = createTcpServer((socket) => {
    caught += 1;
    socket.destroy();
  }).listen(0, '::');
  await once(trap, 'listening');
  trap_port = (trap.address() as AddressInfo).port;
  relay = createServer((incoming, outgoing) => relayOrRedirect(incoming, outgoing)).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  relay_endpoint = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
  hosts_path = scratch('hosts');
  pointLocalhostTo('127.0.0.1');
  served = await startServe({
    interfaces: [pair.near.name],
    env: {
      EDGETAP_ALLOW_ENDPOINTS: `${new URL(owner.rgw.tls_endpoint).host},${new URL(relay_endpoint).host}`,
      NODE_EXTRA_CA_CERTS: owner.rgw.certificate_file,
    },
    via: ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts_path],
  });
});
afterAll(async () => {
  await served?.remove();
  relay?.close();
  trap?.close();
  await pair?.remove();
  await owner?.stop();
});

function relayOrRedirect(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (redirects(incoming)) {
    incoming.resume();
    outgoing.writeHead(307, { location: `http://127.0.0.1:${trap_port}${incoming.url}` }).end();
    return;
  }
  const { hostname, port } = new URL(owner.rgw.endpoint);
  const { method, url: path, headers } = incoming;
  const onward = request({ hostname, port, method, path, headers }, (response) => {
    outgoing.writeHead(response.statusCode ?? 500, response.headers);
    response.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}

const secret = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';

async function addBucket(endpoint: string): Promise<Awaited<ReturnType<Served['call']>>> {
  const keys = `access-key-id=AKIAIOSFODNN7EXAMPLE&secret-access-key=${secret}`;
  return await served.call('POST', '/pcaps/ownership', {
    destination_conf: `s3://captures/dir?endpoint=${encodeURIComponent(endpoint)}&${keys}`,
  });
}

describe('an endpoint that leads home is refused when the bucket is added', () => {
  const refused = 1205;
  const insecure = 1206;
  test.each([
    ['https://127.0.0.1:TRAP', refused],
    ['https://127.1:TRAP', refused],
    ['https://2130706433:TRAP', refused],
    ['https://0x7f000001:TRAP', refused],
    ['https://0x7f.0.0.1:TRAP', refused],
    ['https://0177.0.0.1:TRAP', refused],
    ['https://017700000001:TRAP', refused],
    ['https://0.0.0.0:TRAP', refused],
    ['https://[::]:TRAP', refused],
    ['https://[::1]:TRAP', refused],
    ['https://[::ffff:127.0.0.1]:TRAP', refused],
    ['https://[::ffff:7f00:1]:TRAP', refused],
    ['https://[::127.0.0.1]:TRAP', refused],
    ['https://[64:ff9b::7f00:1]:TRAP', refused],
    ['https://[2002:7f00:1::]:TRAP', refused],
    ['https://localhost:TRAP', refused],
    ['https://LOCALHOST.:TRAP', refused],
    ['https://169.254.169.254', refused],
    ['https://[fe80::1]', refused],
    ['https://[fd00::1]', refused],
    ['https://10.0.0.1', refused],
    ['https://172.16.0.1:9000', refused],
    ['https://192.168.0.1', refused],
    ['https://100.64.0.1', refused],
    ['https://255.255.255.255', refused],
    ['http://127.0.0.1:TRAP', insecure],
    ['http://2130706433:TRAP', insecure],
    ['http://[::ffff:127.0.0.1]:TRAP', insecure],
    ['http://localhost:TRAP', insecure],
    ['http://8.8.8.8', insecure],
  ])('%s', async (endpoint, code) => {
    const { status, headers, body } = await addBucket(endpoint.replace('TRAP', String(trap_port)));
    expect({ status, body }).toEqual({
      status: 400,
      body: {
        result: null,
        success: false,
        messages: [],
        errors: [
          {
            code,
            message: expect.stringContaining('EDGETAP_ALLOW_ENDPOINTS'),
            documentation_url: expect.any(String),
            source: { pointer: '/destination_conf' },
          },
        ],
      },
    });
    expect(headers.get('x-should-retry')).toBe('false');
    expect(JSON.stringify(body)).not.toContain(secret);
    expect(caught).toBe(0);
  });

  test('a redirect from a listed server is not followed', async () => {
    redirects = () => true;
    try {
      expect(await addBucket(relay_endpoint)).toMatchObject({
        status: 400,
        body: { errors: [{ code: 1219, source: { pointer: '/destination_conf' } }] },
      });
    } finally {
      redirects = () => false;
    }
    expect(caught).toBe(0);
  });

  test('nothing of the refused ones is kept or written', async () => {
    expect((await served.call('GET', '/pcaps/ownership')).body.result).toEqual([]);
    expect(served.output()).not.toContain(secret);
  });
});

describe('a listed endpoint with a certificate of its own', () => {
  test('is used by the address and by a name that leads there', async () => {
    await owner.makeBucket('by-tls');
    const { tls_endpoint } = owner.rgw;
    const by_name = tls_endpoint.replace('127.0.0.1', 'localhost');
    const one = await proveS3Bucket(served, owner, 'by-tls', { endpoint: tls_endpoint });
    const other = await proveS3Bucket(served, owner, 'by-tls', { endpoint: by_name });
    expect(one.destination_conf).toBe(`s3://by-tls/dir?region=default&endpoint=${tls_endpoint}`);
    expect(other.destination_conf).toBe(`s3://by-tls/dir?region=default&endpoint=${by_name}`);
  });
});

async function troubleBecomes(id: string, wanted: RegExp): Promise<string> {
  return await waitFor(
    async () => {
      const [sensor] = (await showCapture(served, id))['sensors'] as { error?: string }[];
      return sensor?.error !== undefined && wanted.test(sensor.error) ? sensor.error : undefined;
    },
    { what: `the sensor to tell ${String(wanted)}` },
  );
}

describe('a sensor with a signed URL', () => {
  test('does not connect where a name that was good leads home at last', async () => {
    await owner.makeBucket('rebound');
    const endpoint = owner.rgw.tls_endpoint.replace('127.0.0.1', 'localhost');
    const { destination_conf } = await proveS3Bucket(served, owner, 'rebound', { endpoint });
    const { id } = await createCapture(served, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 3600,
      destination_conf,
    });
    await captureBecomes(served, id, ['running']);
    replayFrames(pair.far, jumboFrames(0, 1500));
    await waitFor(async () => (await owner.pieces('rebound')) === 1, { what: 'a first piece' });
    // The upload has begun, so that control has nothing to ask there; a new sensor has no connection yet.
    pointLocalhostTo('127.0.0.2');
    try {
      process.kill(served.pidOf('sensor'), 'SIGKILL');
      const { host } = new URL(endpoint);
      // Whose capture it is learns that it is refused; where it leads is for the operator's log.
      const told = await troubleBecomes(id, new RegExp(`The endpoint ${host} is not allowed`));
      expect(told).not.toContain('127.0.0.2');
      expect(served.output()).toContain(`"host":"${host}","address":"127.0.0.2"`);
    } finally {
      pointLocalhostTo('127.0.0.1');
    }
    const done = await captureBecomes(served, id, ['complete']);
    expect(done['error_message']).toMatch(/The sensor died while it captured; the 1500 packets .* are kept\.$/);
  });

  test('does not follow a redirect', async () => {
    await owner.makeBucket('redirected');
    const { destination_conf } = await proveS3Bucket(served, owner, 'redirected', { endpoint: relay_endpoint });
    // Only the pieces: control's own requests go through.
    redirects = ({ method, url }) => method === 'PUT' && url?.includes('partNumber') === true;
    const { id } = await createCapture(served, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 3600,
      destination_conf,
    });
    try {
      await captureBecomes(served, id, ['running']);
      await stopCapture(served, id);
      await troubleBecomes(id, /HTTP 307: a redirect, which is not followed/);
    } finally {
      redirects = () => false;
    }
    await captureBecomes(served, id, ['success']);
    expect(await owner.keys('redirected')).toContain(`dir/pcap_${id}.pcap`);
    expect(caught).toBe(0);
  });
});
