/**
 * Names of the environment that a child of the supervisor gets: where programs and libraries are, languages, times, certificates, what Node and
 * the C library read themselves, and the project's own tests. No setting of edgetap but the data directory: settings come over IPC.
 */
const kept =
  /^(?:PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|LD_\w+|MALLOC_\w+|GLIBC_TUNABLES|NODE_\w+|UV_\w+|SSL_CERT_\w+|EDGETAP_DATA_DIR|EDGETAP_TEST_\w+)$/;
/** What lends control the machine's own cloud credentials. */
const ambient = /^AWS_\w+$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** What a child gets of the supervisor's environment: no secret, as everybody who may read `/proc/PID/environ` has it. */
export function childEnvironment(env: Environment, data_dir: string): Readonly<Record<string, string>> {
  return { ...pick(env, kept), EDGETAP_DATA_DIR: data_dir };
}

/** What control gets besides, over IPC, where it may use this machine's own credentials. */
export function ambientEnvironment(env: Environment): Readonly<Record<string, string>> {
  return pick(env, ambient);
}

function pick(env: Environment, names: RegExp): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && names.test(name) ? [[name, value]] : [])),
  );
}
