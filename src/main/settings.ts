import { raise } from '../model/errors/fault.ts';
import { isId } from '../model/id.ts';
import { parseNetwork } from '../model/ip_address.ts';
import { limitNames, type LimitValues, sharedLimits } from '../model/shared_limits.ts';
import { readInterfaceList } from './interface_list.ts';

/** One setting: a flag and an environment variable of the same name. */
export interface SettingSpec {
  /** `EDGETAP_LISTEN`; the flag is `--listen`. */
  readonly name: string;
  readonly help: string;
  readonly value_name: string;
  readonly fallback?: string;
  /** Has no flag. */
  readonly environment_only?: boolean;
}

const spec = (name: string, value_name: string, help: string, fallback?: string): SettingSpec => ({
  name: `EDGETAP_${name}`,
  value_name,
  help,
  ...(fallback === undefined ? {} : { fallback }),
});

/** See docs/operations.md, "How much is sampled". */
const sample_pps_default = 5000;

/** A few captures, and some interfaces sampled. */
const memory_least_bytes = 32 << 20;

/** Every setting of `edgetap serve`, in the order of its help. */
export const serveSettings: readonly SettingSpec[] = [
  spec('LISTEN', 'address:port', 'where the API listens', '127.0.0.1:8787'),
  spec('PUBLIC_URL', 'URL', 'how clients reach it: a host that it is known by, and what links in answers begin with'),
  spec('ALLOWED_HOSTS', 'list', 'further host names that it is known by; addresses need not be named'),
  spec('METRICS_LISTEN', 'address:port', 'where /metrics is, in place of EDGETAP_LISTEN'),
  spec('METRICS_TOKEN_FILE', 'file', 'a token that who asks for /metrics has to send as "Authorization: Bearer TOKEN"'),
  spec('DATA_DIR', 'directory', 'where everything is kept', './data'),
  spec('COLO', 'name', 'the site of this machine, such as ord02', 'local01'),
  spec('SENSOR', 'name', 'the name of this sensor; the host name by default'),
  spec(
    'INTERFACES',
    'list',
    'interfaces to capture, by name or alternative name, separated by commas or blanks; "all" but loopback; the default route\'s by default',
  ),
  spec('ACCOUNT_ID', '32 hex', 'the id of the first account; random by default'),
  spec(
    'BOOTSTRAP_TOKEN',
    'text',
    'a token of the first account, 20 characters or more; made and printed once by default',
  ),
  spec('BOOTSTRAP_TOKEN_FILE', 'file', 'has EDGETAP_BOOTSTRAP_TOKEN in its first line'),
  {
    ...spec(
      'TOKEN',
      'text',
      "the command line's token; taken for EDGETAP_BOOTSTRAP_TOKEN at the first start of a new data directory, and only then",
    ),
    environment_only: true,
  },
  { ...spec('TOKEN_FILE', 'file', 'has EDGETAP_TOKEN in its first line'), environment_only: true },
  spec(
    'SAMPLE_PPS',
    'packets/s',
    'keep at most so many for look-backs, on all interfaces together: all packets, or 1 in 2, 4, 8, …',
    String(sample_pps_default),
  ),
  spec('SAMPLE_RATE', 'N', 'keep 1 in N packets for look-backs, however many come; in place of EDGETAP_SAMPLE_PPS'),
  spec(
    'SAMPLE_BYTES',
    'bytes',
    'disk for samples; the lesser of 10 GB and a tenth of the disk that others leave free by default',
  ),
  spec('SPOOL_BYTES', 'bytes', 'disk for captures on their way; half of the disk that others leave free by default'),
  spec(
    'MEMORY_BYTES',
    'bytes',
    'memory for the rings and buffers of samples and captures; the lesser of 2 GiB and a quarter of the memory by default',
  ),
  spec('PACKETS_MAX', 'N', 'the highest packet_limit of a full capture', '10000'),
  ...limitNames.map((name) => {
    const { setting, unit, help, fallback } = sharedLimits[name];
    return spec(setting, unit === 'bytes' || unit === 'seconds' ? unit : 'N', help, String(fallback));
  }),
  spec('KEEP_DAYS', 'days', 'how long results and their rows are kept', '7'),
  spec('AUDIT_DAYS', 'days', 'how long audit rows are kept', '365'),
  spec('SECRET_KEY_FILE', 'file', 'seals bucket credentials; <data directory>/secret.key by default'),
  spec('ALLOW_ENDPOINTS', 'list', 'bucket endpoints that may be private or plain HTTP: hosts, host:port, networks'),
  spec('AMBIENT_CREDENTIALS', 'yes or no', "lend this machine's own cloud credentials to s3:// without keys", 'no'),
  spec('FILE_BUCKETS', 'directory', 'where file:// buckets may be; <data directory>/buckets by default'),
  spec('TLS_CERT', 'file', 'certificate chain (PEM): HTTPS instead of HTTP'),
  spec('TLS_KEY', 'file', 'private key (PEM) of the certificate'),
  spec('TRUST_PROXY', 'list', 'addresses of proxies whose X-Forwarded-For counts'),
  spec('LOG_LEVEL', 'level', 'trace, debug, info, warn, error', 'info'),
];

/** The settings of `edgetap serve`, checked. */
export interface ServeSettings {
  readonly listen: { readonly host: string; readonly port: number };
  /** Without a slash at its end. */
  readonly public_url?: string;
  /** In small letters. */
  readonly allowed_hosts: readonly string[];
  readonly metrics_listen?: { readonly host: string; readonly port: number };
  readonly metrics_token_file?: string;
  readonly data_dir: string;
  readonly colo: string;
  readonly sensor: string;
  /** Names, `all`, or the default route's. */
  readonly interfaces: readonly string[] | 'all' | 'default';
  readonly account_id?: string;
  readonly bootstrap_token?: string;
  /** The command line's own: counts at the first start of a new data directory. It is checked where it counts. */
  readonly token?: string;
  /** Packets kept per second, at most; says nothing where there is a `sample_rate`. */
  readonly sample_pps: number;
  readonly sample_rate?: number;
  readonly sample_bytes?: number;
  readonly spool_bytes?: number;
  readonly memory_bytes?: number;
  readonly packets_max: number;
  /** What clients share. */
  readonly limits: LimitValues;
  readonly keep_days: number;
  readonly audit_days: number;
  readonly secret_key_file?: string;
  readonly allow_endpoints: string;
  readonly ambient_credentials: boolean;
  readonly file_buckets?: string;
  readonly tls?: { readonly cert_file: string; readonly key_file: string };
  readonly trust_proxy: readonly string[];
  readonly log_level: string;
}

/** What the sensor's process needs of them: no token, no key, nothing of the database or the API. */
export type SensorSettings = Pick<
  ServeSettings,
  | 'data_dir'
  | 'colo'
  | 'sensor'
  | 'interfaces'
  | 'sample_pps'
  | 'sample_rate'
  | 'sample_bytes'
  | 'spool_bytes'
  | 'memory_bytes'
  | 'limits'
  | 'allow_endpoints'
  | 'log_level'
>;

/** Picks them, and nothing else that is in `settings`. */
export function sensorSettings(settings: ServeSettings): SensorSettings {
  const { data_dir, colo, sensor, interfaces, sample_pps, limits, allow_endpoints, log_level } = settings;
  const { sample_rate, sample_bytes, spool_bytes, memory_bytes } = settings;
  const optional = withoutUndefined({ sample_rate, sample_bytes, spool_bytes, memory_bytes });
  return { ...optional, data_dir, colo, sensor, interfaces, sample_pps, limits, allow_endpoints, log_level };
}

/**
 * Checks the settings of `serve`. `given` has the values by environment name, from flags and environment.
 * `isAlternative` says whether an interface of this host has such an alternative name. Throws `setting_invalid` for the first wrong one.
 */
export function readServeSettings(
  given: Readonly<Record<string, string | undefined>>,
  host_name: string,
  isAlternative: (name: string) => boolean = () => false,
): ServeSettings {
  const text = (name: string): string | undefined => {
    const value = given[`EDGETAP_${name}`] ?? serveSettings.find((one) => one.name === `EDGETAP_${name}`)?.fallback;
    return value === undefined || value === '' ? undefined : value;
  };
  const wrong = (name: string, expected: string): never =>
    raise('setting_invalid', {
      setting: `EDGETAP_${name}`,
      value: name === 'BOOTSTRAP_TOKEN' ? '(hidden)' : (text(name) ?? ''),
      expected,
    });
  const whole = (name: string, min: number, max: number): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    const fits = /^\d+$/.test(value) && number >= min && number <= max;
    return fits ? number : wrong(name, `a whole number from ${min} to ${max}`);
  };
  const named = (name: string, value: string): string =>
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)
      ? value
      : wrong(name, 'letters, digits, ".", "_" and "-", at most 63');
  const sensorName = (value: string): string =>
    value === 'all' || value === 'none'
      ? wrong('SENSOR', `another name than "${value}", which "edgetap account grant" has for ${value} of the sensors`)
      : named('SENSOR', value);
  const list = (name: string): readonly string[] =>
    (text(name) ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');

  const listener = (name: string, value: string): { readonly host: string; readonly port: number } => {
    const [, bracketed, host = bracketed, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value) ?? [];
    return host === undefined || Number(port) > 65_535
      ? wrong(name, 'an address and a port, such as 127.0.0.1:8787 or [::1]:8787')
      : { host, port: Number(port) };
  };
  const listen = listener('LISTEN', text('LISTEN') ?? '');
  const metrics_listen = text('METRICS_LISTEN');
  const public_url = text('PUBLIC_URL');
  if (public_url !== undefined && !/^https?:\/\/[^/?#@\s]+\/?$/i.test(public_url)) {
    wrong('PUBLIC_URL', 'http:// or https:// and a host, such as https://edgetap.example.com');
  }
  const allowed_hosts = list('ALLOWED_HOSTS').map((one) => one.toLowerCase());
  if (!allowed_hosts.every((one) => isHostName(one))) {
    wrong('ALLOWED_HOSTS', 'host names without a port, separated by commas');
  }
  const account_id = text('ACCOUNT_ID');
  if (account_id !== undefined && !isId(account_id)) wrong('ACCOUNT_ID', '32 lower-case hexadecimal characters');
  const bootstrap_token = text('BOOTSTRAP_TOKEN');
  if (bootstrap_token !== undefined && !/^[!-~][ -~]{18,1022}[!-~]$/.test(bootstrap_token)) {
    wrong('BOOTSTRAP_TOKEN', '20 to 1024 visible ASCII characters, without spaces at its ends');
  }
  const ambient = text('AMBIENT_CREDENTIALS');
  if (ambient !== 'yes' && ambient !== 'no') wrong('AMBIENT_CREDENTIALS', '"yes" or "no"');
  const log_level = text('LOG_LEVEL') ?? 'info';
  if (!['trace', 'debug', 'info', 'warn', 'error'].includes(log_level))
    wrong('LOG_LEVEL', 'trace, debug, info, warn or error');
  const [cert_file, key_file] = [text('TLS_CERT'), text('TLS_KEY')];
  if ((cert_file === undefined) !== (key_file === undefined)) {
    wrong(
      cert_file === undefined ? 'TLS_CERT' : 'TLS_KEY',
      'given together with the other of EDGETAP_TLS_CERT and EDGETAP_TLS_KEY',
    );
  }
  const trust_proxy = list('TRUST_PROXY');
  if (trust_proxy.some((one) => parseNetwork(one) === undefined)) {
    wrong('TRUST_PROXY', 'addresses and networks (192.0.2.0/24, host bits zero), separated by commas');
  }
  const sample_rate = whole('SAMPLE_RATE', 1, 1_000_000);
  if (sample_rate !== undefined && (given['EDGETAP_SAMPLE_PPS'] ?? '') !== '') {
    wrong('SAMPLE_RATE', 'left out where EDGETAP_SAMPLE_PPS is given: the rate is fixed or adapts');
  }
  const interfaces = readInterfaceList(text('INTERFACES') ?? '', isAlternative);
  const optional = {
    public_url: public_url?.replace(/\/$/, ''),
    metrics_listen: metrics_listen === undefined ? undefined : listener('METRICS_LISTEN', metrics_listen),
    metrics_token_file: text('METRICS_TOKEN_FILE'),
    account_id,
    bootstrap_token,
    token: text('TOKEN'),
    sample_rate,
    sample_bytes: whole('SAMPLE_BYTES', 1_000_000, Number.MAX_SAFE_INTEGER),
    spool_bytes: whole('SPOOL_BYTES', 1_000_000, Number.MAX_SAFE_INTEGER),
    memory_bytes: whole('MEMORY_BYTES', memory_least_bytes, Number.MAX_SAFE_INTEGER),
    secret_key_file: text('SECRET_KEY_FILE'),
    file_buckets: text('FILE_BUCKETS'),
    tls: cert_file === undefined || key_file === undefined ? undefined : { cert_file, key_file },
  };
  return {
    ...withoutUndefined(optional),
    listen,
    allowed_hosts,
    data_dir: text('DATA_DIR') ?? './data',
    colo: named('COLO', text('COLO') ?? ''),
    sensor: sensorName(text('SENSOR') ?? host_name),
    interfaces: 'names' in interfaces ? interfaces.names : wrong('INTERFACES', interfaces.expected),
    sample_pps: whole('SAMPLE_PPS', 100, 100_000_000) ?? sample_pps_default,
    packets_max: whole('PACKETS_MAX', 1, 1_000_000_000) ?? 10_000,
    limits: Object.fromEntries(
      limitNames.map((name) => {
        const { setting, range, fallback } = sharedLimits[name];
        return [name, whole(setting, ...range) ?? fallback];
      }),
    ) as LimitValues,
    keep_days: whole('KEEP_DAYS', 1, 3650) ?? 7,
    audit_days: whole('AUDIT_DAYS', 1, 3650) ?? 365,
    allow_endpoints: text('ALLOW_ENDPOINTS') ?? '',
    ambient_credentials: ambient === 'yes',
    trust_proxy,
    log_level,
  };
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(text);
}

function withoutUndefined<T extends object>(from: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
