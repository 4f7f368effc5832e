import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { ApiInstance } from '../api/api_instance.ts';
import { createApi } from '../api/create_api.ts';
import { createIntake } from '../api/create_intake.ts';
import { httpMetrics } from '../api/http_metrics.ts';
import { createMetricsListener, metricsPage } from '../api/metrics_route.ts';
import { renewCertificate } from '../api/server_factory.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { allowedRoot } from '../bucket/allowed_root.ts';
import { type FileCalls, ownFileCalls } from '../bucket/file_calls.ts';
import { FileLanes } from '../bucket/file_lanes.ts';
import { openFileBucket } from '../bucket/file.ts';
import { openKeyFile, type SealingKeys, signingKeys } from '../bucket/key_file.ts';
import { type BucketWorld, openBucket } from '../bucket/open_bucket.ts';
import { createPieceIntake } from '../bucket/piece_intake.ts';
import { isSealedWithOldKey, openSecrets, sealSecrets } from '../bucket/sealed_secrets.ts';
import { realWaiting } from '../bucket/waiting.ts';
import { ipcControlBus } from '../bus/ipc.ts';
import { createAuthenticator } from '../control/accounts/authenticator.ts';
import {
  type BootstrapOptions,
  ensureBootstrap,
  firstAccount,
  givenTokenHashes,
} from '../control/accounts/ensure_bootstrap.ts';
import { AuditBook } from '../control/audit_book.ts';
import { startControl } from '../control/create_control.ts';
import { abandonStrays } from '../control/delivery/abandon_strays.ts';
import { resultName } from '../control/delivery/place_of.ts';
import { expire } from '../control/expiry.ts';
import { createOwnerships } from '../control/ownership/ownerships.ts';
import { reseal } from '../control/ownership/reseal.ts';
import type { Vault } from '../control/ownership/vault.ts';
import { Quotas } from '../control/quotas.ts';
import { unclaimedFiles } from '../control/delivery/unclaimed_files.ts';
import { createSetAside } from '../control/set_aside.ts';
import { readAccountUsage } from '../db/account_usage.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open_database.ts';
import { createFilterCompiler } from '../libpcap/compiler_pool.ts';
import { parseEndpointPolicy } from '../model/endpoint_policy.ts';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import { machineTimes } from '../plan/machine_times.ts';
import { busLink } from './bus_link.ts';
import { childProcess } from './child_process_body.ts';
import { refusedBy, warnBy } from './create_logger.ts';
import { matchIdentity } from './data_identity.ts';
import { watchDiskRoom } from './disk_room.ts';
import { edgetapVersion } from './edgetap_version.ts';
import { hostClocks } from './host_clocks.ts';
import { holdDirectory } from './hold_directory.ts';
import { bucketsPart, diskPart } from './host_part.ts';
import { clearIntakeSocket, intakeSocket, intake_url } from './intake_socket.ts';
import { laneOwner } from './lane_owner.ts';
import { knownHosts } from './known_hosts.ts';
import { leftBehind } from './left_behind.ts';
import { makeDirectory } from './make_directory.ts';
import { databasePath } from './operator_command.ts';
import { connectionsMax, descriptorsPart, openFilesMax } from './open_files.ts';
import type { Listener } from './own_ports.ts';
import { readTls } from './read_tls.ts';
import { readTokenFile } from './read_token_file.ts';
import type { ServeSettings } from './settings.ts';
import { standardOutput } from './standard_output.ts';
import { wallClock } from './wall_clock.ts';

const takeover_ms = 20_000;
/** Of the 15 s in which all has to end. */
const farewell_ms = 9000;
const expire_every_ms = 60_000;
const metrics_connections = 32;
const day_ns = 86_400_000_000_000n;

const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));

childProcess<ServeSettings>('control', async ({ settings, logger, crash, sensorTrouble }) => {
  const warn = warnBy(logger);
  // From the first moment: what a sensor says before control can answer waits here.
  const link = busLink();
  const version = edgetapVersion();
  const metrics_token =
    settings.metrics_token_file === undefined
      ? undefined
      : readTokenFile('EDGETAP_METRICS_TOKEN_FILE', settings.metrics_token_file);
  const limits = new LimitCounts({
    ...settings.limits,
    connections: connectionsMax(settings.limits, openFilesMax()),
  });
  const tls = settings.tls === undefined ? {} : { tls: readTls(settings.tls) };
  const policy = parseEndpointPolicy(settings.allow_endpoints);
  if (!policy.ok) throw new FaultError([policy.faults[0] ?? crash('no fault')]);
  const directories = makeDirectories(settings);
  const held = holdDirectory(directories.control, 'control', takeover_ms);
  const aside = createSetAside();
  const db = await openDatabase({
    // Each row is told once, for as long as the process lives.
    damaged: (why) => {
      if (aside.note(why.message, why)) warn(why, 'the database');
    },
    url: `sqlite:${databasePath(settings.data_dir)}`,
    host: hostClocks(),
    leftBehind: () => leftBehind(settings.data_dir),
  });
  await identify(db, settings.data_dir);
  const key_file = settings.secret_key_file ?? join(settings.data_dir, 'secret.key');
  const keys = await keysOf(key_file);
  const vault: Vault = {
    seal: (secrets, ownership_id) => sealSecrets(secrets, ownership_id, keys, random),
    open: (sealed, ownership_id) => openSecrets(sealed, ownership_id, keys, key_file),
    isStale: (sealed) => isSealedWithOldKey(sealed, keys),
  };
  await reseal(db, vault);
  const authenticator = createAuthenticator(db);
  authenticator.expect(await givenTokenHashes(db));

  const allowed_roots = [directories.buckets];
  const own_roots = [directories.results, directories.staging];
  const signing_keys = signingKeys(keys);
  const lanes = new FileLanes({
    threads_max: limits.values.file_calls,
    per_owner: limits.values.file_calls_of_account,
  });
  limits.measure('file_calls', () => lanes.running);
  limits.measure('file_calls_of_account', () => lanes.most_running);
  /** Users' directories may hang: they have threads of their own. */
  const callsOf = (directory: string): FileCalls =>
    allowedRoot(directory, own_roots) === undefined
      ? lanes.calls(laneOwner(directory, directories.buckets), directory)
      : ownFileCalls;
  const intake = createIntake({
    accept: createPieceIntake({
      allowed_roots: [...allowed_roots, ...own_roots],
      callsOf,
      signing_keys,
      now: () => db.clock.now(),
    }),
    logger: logger.child({ part: 'intake' }),
  });
  const socket = intakeSocket(settings.data_dir);
  clearIntakeSocket(socket);
  await intake.listen({ path: socket.path });
  const world: BucketWorld = {
    agents: guardedAgents({ policy: policy.value, refused: refusedBy(logger), conceals: true }),
    ambient: settings.ambient_credentials,
    allowed_roots,
    callsOf,
    intake_url,
    signing_keys,
    now: () => db.clock.now(),
    wall: () => db.clock.wall(),
    waiting: realWaiting,
    silence_ms: limits.values.bucket_silence * 1000,
    random_bytes: random,
  };
  const own = (directory: string): ReturnType<typeof openFileBucket> =>
    openFileBucket({ ...world, allowed_roots: own_roots, destination: { scheme: 'file', directory } });
  const [results, staging] = [own(directories.results), own(directories.staging)];

  const room = watchDiskRoom(settings.data_dir);
  const quotas = new Quotas(limits, await readAccountUsage(db), () => room.freeBytes());
  let first_account: string | undefined;
  /** What an account may open: the first one all of what the operator allows, any other what is under its own id. */
  const worldOf = async (account_id: string): Promise<BucketWorld> => {
    first_account ??= await firstAccount(db);
    return account_id === first_account ? world : { ...world, only_below: account_id };
  };
  const monotonic = (): number => performance.now();
  const audit = new AuditBook({ limits, random, monotonic });
  const ownerships = createOwnerships({
    db,
    openBucket: async (destination, secrets, account_id) => openBucket(destination, secrets, await worldOf(account_id)),
    quotas,
    limits,
    monotonic,
    vault,
    ambient: settings.ambient_credentials,
    random,
    audit,
  });
  const compiler = createFilterCompiler({ limits, warn: (unconfined) => warn(unconfined, 'filters') });
  const keep_ns = BigInt(settings.keep_days) * day_ns;
  const keep_audit_ns = BigInt(settings.audit_days) * day_ns;
  const openOwnership = async (id: string): Promise<Bucket> => {
    const { account_id, destination, secrets } = await ownerships.open(id);
    return openBucket(destination, secrets, await worldOf(account_id));
  };
  await abandonStrays({ db, results, staging, callsOf, openOwnership, warn });
  for (const why of await unclaimedFiles(db, [directories.results, directories.staging])) {
    if (aside.note(why.message, why)) warn(why, 'at the start');
  }
  const running = startControl({
    db,
    bus: ipcControlBus(link),
    authenticator,
    ownerships,
    openOwnership,
    results,
    staging,
    aside,
    checkFilter: async (request) => await compiler.check(request),
    random,
    audit,
    limits,
    quotas,
    packets_max: settings.packets_max,
    keep_ns,
    times: machineTimes,
    application: `edgetap ${version}`,
    // The only one, so that after a restart it goes on with what it held.
    holder: 'serve',
    sleep: wallClock.sleep,
    monotonic,
    warn,
    sensors: [settings.sensor],
    host: [
      diskPart(settings.data_dir, Math.max(1, settings.limits.disk_free_bytes)),
      bucketsPart(directories.buckets, lanes.calls('readiness', directories.buckets)),
      descriptorsPart(),
      { name: 'bus', look: async () => await Promise.resolve(sensorTrouble()) },
    ],
    linesDropped: () => standardOutput().err.dropped,
    crash,
  });

  const { metrics_listen, listen: api_listen } = settings;
  const http = httpMetrics();
  const base = {
    logger: logger.child({ part: 'api' }),
    limits,
    ...tls,
    ...(settings.public_url === undefined ? {} : { public_url: settings.public_url }),
    ...(settings.trust_proxy.length === 0 ? {} : { trust_proxy: settings.trust_proxy }),
  };
  const api = await createApi({
    ...base,
    control: running.control,
    hosts: knownHosts(settings, api_listen.host),
    metrics: {
      http,
      elsewhere: metrics_listen !== undefined,
      ...(metrics_token === undefined ? {} : { token: metrics_token }),
    },
    version,
    packets_max: settings.packets_max,
  });
  const listeners = [api];
  const { url, port, listening } = await listen(api, api_listen, settings);
  const everywhere = [...listening];
  if (metrics_listen !== undefined) {
    const hosts = knownHosts(settings, metrics_listen.host);
    const page = metricsPage(running.control, http);
    const metrics = createMetricsListener({ ...base, hosts, limits: metricsLimits(limits) }, page, metrics_token);
    everywhere.push(...(await listen(metrics, metrics_listen, settings)).listening);
    listeners.push(metrics);
  }
  for (const { server } of listeners) {
    server.on('error', (error: Error) => {
      warn(
        fault('descriptors_short', { limit: openFilesMax(), used: `no connection is accepted (${error.message})` }),
        'accepting',
      );
    });
  }
  // After all that can fail: a token that is made now is shown once, and would be lost with the start.
  const { account_id, token, given, warnings } = await ensureBootstrap(db, bootstrapOf(settings), random);
  authenticator.expect(await givenTokenHashes(db));
  for (const one of warnings) warn(one, 'at the start');

  const closing = new AbortController();
  const expiring = (async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const removeResult: Parameters<typeof expire>[0]['removeResult'] = async (record) => {
        if (record.spec.type === 'simple') await results.removeObject(resultName(record));
      };
      try {
        const { failed } = await expire({ db, keep_ns, keep_audit_ns, removeResult, usage: quotas.usage, random });
        for (const { id, error } of failed) logger.warn({ err: error, capture: id }, 'a result could not be removed');
        await authenticator.flushUses();
      } catch (error) {
        // The database may come right, and all of it is done again.
        if (!(error instanceof FaultError)) throw error;
        warn(error.faults[0], 'expiry');
      }
      await wallClock.sleep(expire_every_ms, closing.signal);
    }
  })();
  expiring.catch(crash);

  return {
    details: {
      url,
      port,
      listeners: everywhere,
      account_id,
      ...(token === undefined ? {} : { token }),
      ...(given === undefined ? {} : { given }),
      warnings: warnings.map((one) => one.message),
    },
    troubles: async () => (await running.control.readiness()).reasons,
    reload: () => {
      if (settings.tls === undefined) return;
      try {
        for (const { server } of listeners) renewCertificate(server, readTls(settings.tls));
        logger.info('the certificate and its key were read again');
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        warn(error.faults[0], 'reading the certificate again: the one before stays');
      }
    },
    shutDown: async (hurry) => {
      // Without the supervisor no sensor can be reached: the next control goes on.
      const waited = await running.shutDown(farewell_ms, hurry);
      if (waited !== 'finished')
        logger.info('nothing more is waited for: what is not delivered goes on at the next start');
      await Promise.all(listeners.map(async (one) => await one.close()));
      closing.abort();
      await Promise.all([running.close(), expiring, compiler.close(), intake.close()]);
      socket.close();
      world.agents.close();
      room.close();
      await lanes.close();
      await db.close();
      held.release();
    },
  };
});

/** The listener of metrics has few clients, and bounds of its own. */
function metricsLimits({ values }: LimitCounts): LimitCounts {
  return new LimitCounts({ ...values, connections: metrics_connections, connections_of_address: metrics_connections });
}

/** Refuses a database that is another data directory's. */
async function identify(db: Database, data_dir: string): Promise<void> {
  try {
    await matchIdentity(db, { data_dir, database: databasePath(data_dir) }, random);
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const expected = `a directory whose file data.id can be read and written (${textOf(cause)})`;
    raise('setting_invalid', { setting: 'EDGETAP_DATA_DIR', value: data_dir, expected }, { cause });
  }
}

function bootstrapOf({ account_id, bootstrap_token, token }: ServeSettings): BootstrapOptions {
  return {
    ...(account_id === undefined ? {} : { account_id }),
    ...(bootstrap_token === undefined ? {} : { token: bootstrap_token }),
    ...(token === undefined ? {} : { cli_token: token }),
  };
}

/** Makes what control keeps on disk, and gives the directories with every link in them followed. */
function makeDirectories(
  settings: ServeSettings,
): Readonly<Record<'control' | 'results' | 'staging' | 'buckets', string>> {
  const made = (setting: string, path: string): string => {
    try {
      makeDirectory(resolve(path));
      return realpathSync(path);
    } catch (cause) {
      const expected = `a directory that can be made (${textOf(cause)})`;
      return raise('setting_invalid', { setting, value: path, expected }, { cause });
    }
  };
  const at = (name: string): string => made('EDGETAP_DATA_DIR', join(settings.data_dir, name));
  return {
    control: at('control'),
    results: at('results'),
    staging: at('staging'),
    buckets: settings.file_buckets === undefined ? at('buckets') : made('EDGETAP_FILE_BUCKETS', settings.file_buckets),
  };
}

async function keysOf(path: string): Promise<SealingKeys> {
  try {
    return await openKeyFile(path, random);
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const expected = `a file that can be read, or made (${textOf(cause)})`;
    return raise('setting_invalid', { setting: 'EDGETAP_SECRET_KEY_FILE', value: path, expected }, { cause });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Opens the API's listener; gives the URL that clients use, the port, and all that it listens on. */
async function listen(
  api: ApiInstance,
  { host, port }: ServeSettings['listen'],
  { tls }: ServeSettings,
): Promise<{ readonly url: string; readonly port: number; readonly listening: readonly Listener[] }> {
  try {
    await api.listen({ host, port });
  } catch (cause) {
    raise('listen_failed', { address: `${host}:${port}`, reason: textOf(cause) }, { cause });
  }
  const bound = api.server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${bound.port}`,
    port: bound.port,
    listening: api.addresses().filter((at) => typeof at !== 'string'),
  };
}
