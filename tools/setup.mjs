// Usage: node tools/setup.mjs start|test|check|bench [--only PROGRAM,...]
// Brings a fresh clone to where that command of package.json can run, and does nothing when it can already; with --only, to where it can
// with no other programs of its own than these. `node tools/setup.mjs programs` names those of the tests. It has no dependencies and runs
// on any Node from 20 on, because it is what installs everything else.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const nodeModules = join(root, 'node_modules');
const stampFile = join(nodeModules, '.edgetap-setup');
const pinnedNode = join(nodeModules, '.bin', 'node');
const pinnedMajor = 24;

/** What each command needs of the system: a program or a library, and the Debian package that has it. */
const libpcap = { library: ['libpcap.so.0.8', 'libpcap.so.1'], from: 'libpcap0.8' };
const needs = {
  start: [libpcap],
  check: [],
  bench: [
    libpcap,
    { program: 'ip', from: 'iproute2' },
    { program: 'tcpdump', from: 'tcpdump' },
    { program: 'dumpcap', from: 'wireshark-common' },
    { program: 'ethtool', from: 'ethtool' },
    { program: 'curl', from: 'curl' },
    { program: 'openssl', from: 'openssl' },
    { program: 'stenographer', from: 'stenographer' },
  ],
  test: [
    libpcap,
    { program: 'ip', from: 'iproute2' },
    { program: 'tcpdump', from: 'tcpdump' },
    { program: 'tshark', from: 'tshark' },
    { program: 'capinfos', from: 'wireshark-common' },
    { program: 'tcc', from: 'tcc' },
    { program: 'openssl', from: 'openssl' },
    { program: 'ceph-mon', from: 'ceph-mon' },
    { program: 'ceph-osd', from: 'ceph-osd' },
    { program: 'radosgw', from: 'radosgw' },
    { program: 'radosgw-admin', from: 'ceph-common' },
    { program: 'ceph', from: 'ceph-common' },
    { program: 'monmaptool', from: 'ceph-base' },
  ],
};

const [mode = '', option, list = ''] = process.argv.slice(2);
if (mode === 'programs') {
  process.stdout.write(`${needs.test.flatMap(({ program }) => program ?? []).join('\n')}\n`);
  process.exit();
}
if (!Object.hasOwn(needs, mode) || ![undefined, '--only'].includes(option))
  fail(`Usage: node tools/setup.mjs ${Object.keys(needs).join('|')} [--only PROGRAM,...]`);
const only = option === undefined ? undefined : list.split(',');
if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`edgetap needs Node 20 or newer; this is ${process.version}.`);
if (process.platform !== 'linux') fail(`edgetap runs on Linux only; this is ${process.platform}.`);

if (!packagesReady() || missing().length > 0 || !isBuilt()) {
  if (process.env.EDGETAP_SETUP_LOCKED === root) {
    installPackages();
    installSystem();
    build();
  } else {
    runLocked();
  }
}

/** Runs this script once more under a lock that the kernel drops with its holder; a second run waits for the first. */
function runLocked() {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const lock = join(root, '.cache', 'setup.lock');
  const again = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const env = { ...process.env, EDGETAP_SETUP_LOCKED: root };
  if (spawnSync('flock', ['--nonblock', lock, 'true'], { stdio: 'ignore' }).status === 1) {
    say('another set-up is at work here; waiting for it');
  }
  const { status, error } = spawnSync('flock', [lock, ...again], { stdio: 'inherit', env });
  if (error !== undefined) fail(`flock (package util-linux) does not run: ${error.message}`);
  process.exit(status ?? 1);
}

// npm packages

/** Are the packages of the lockfile installed, and with them the pinned Node? */
function packagesReady() {
  return installedLock() === lockHash() && nodeReady();
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** The hash of the lockfile that node_modules was installed from; undefined when that is not known. */
function installedLock() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8').trim() : undefined;
}

/** Does the pinned Node run? On a processor without one, this Node has to be new enough itself. */
function nodeReady() {
  if (!['x64', 'arm64'].includes(process.arch)) return majorOf(process.version) >= pinnedMajor;
  const { stdout } = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
  return majorOf(stdout ?? '') === pinnedMajor;
}

function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1]);
}

function installPackages() {
  if (packagesReady()) return;
  if (!installedByHand() || !nodeReady()) runNpm();
  if (!nodeReady()) {
    fail(
      `Node ${pinnedMajor} is not in node_modules, and this Node is ${process.version}. Its package is optional for npm:`,
      `run "npm ci --include=dev --include=optional" and look for what it says about node-linux-${process.arch}.`,
    );
  }
  writeFileSync(stampFile, `${lockHash()}\n`);
}

/** Did somebody run `npm ci` before? npm keeps a lockfile of what it has installed. */
function installedByHand() {
  const path = join(nodeModules, '.package-lock.json');
  if (!existsSync(path)) return false;
  const installed = JSON.parse(readFileSync(path, 'utf8')).packages;
  const wanted = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages);
  return wanted.every(([name, { version, integrity, optional }]) => {
    const found = installed[name];
    // A package of another platform is left out; whether one of this platform is, shows when it is used.
    if (found === undefined || !existsSync(join(root, name))) return name === '' || optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function runNpm() {
  say('installing the npm packages of package-lock.json');
  // Said outright, because NODE_ENV=production or a setting of npm would leave the pinned Node and the tools out. No
  // package needs its install script: the native ones come prebuilt.
  const args = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const npm = process.env.npm_execpath;
  const useOwn = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm) && existsSync(npm);
  // node_modules/.bin/node goes away under npm's feet: it must run by the path of the binary itself.
  const [program, first] = useOwn ? [realpathSync(process.execPath), [npm]] : ['npm', []];
  const { status, error } = spawnSync(program, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (error !== undefined) fail(`npm does not run: ${error.message}`);
  if (status !== 0) fail(`"npm ${args.join(' ')}" failed; what it said is above.`);
}

// System packages

/** The needs of this mode that the system does not meet. */
function missing() {
  return needs[mode].filter(({ program, library }) =>
    program === undefined ? !hasLibrary(library) : (only?.includes(program) ?? true) && !hasProgram(program),
  );
}

function hasProgram(name) {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, name)));
}

function hasLibrary(names) {
  const machine = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch] ?? '';
  const folders = ['/usr/lib', '/lib', '/usr/lib64', '/lib64', '/usr/local/lib'];
  const paths = folders.flatMap((folder) => [folder, join(folder, machine)]);
  if (names.some((name) => paths.some((path) => existsSync(join(path, name))))) return true;
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return names.some((name) => (stdout ?? '').includes(name));
}

function installSystem() {
  const wanted = [...new Set(missing().map(({ from }) => from))];
  if (wanted.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...wanted];
  if (process.getuid?.() !== 0 || !hasProgram('apt-get')) {
    const how = hasProgram('apt-get')
      ? `  sudo apt-get update && sudo apt-get ${install.join(' ')}`
      : `  ${wanted.join(' ')}`;
    const what = hasProgram('apt-get')
      ? 'Run this once, then start again:'
      : 'Install what these Debian packages have, then start again:';
    fail(
      `"npm ${mode === 'start' ? 'start' : `run ${mode}`}" needs packages of the system that are not there. ${what}`,
      how,
    );
  }
  say(`installing the system packages ${wanted.join(', ')}`);
  apt(['update', '-q']);
  apt(install);
  const still = missing().map(({ program, library }) => program ?? library[0]);
  if (still.length > 0) fail(`apt-get installed ${wanted.join(', ')}, and yet there is no ${still.join(', ')}.`);
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', DEBCONF_NONINTERACTIVE_SEEN: 'true' };
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  const result = spawnSync('apt-get', [...options, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return;
  fail(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`,
    `"apt-get ${args.join(' ')}" failed.`,
  );
}

// The bundle that runs

/** Is dist/ built from the sources as they are now? Where it cannot be written, nothing has to be built: bin/edgetap then runs the sources. */
function isBuilt() {
  if (mode === 'check' || !isWritable()) return true;
  const built = join(root, 'dist/edgetap.js');
  if (!existsSync(built)) return false;
  const changed = spawnSync(
    'find',
    [
      ...['src', 'tools/build.mjs', 'package-lock.json'].map((path) => join(root, path)),
      '-newer',
      built,
      '-print',
      '-quit',
    ],
    { encoding: 'utf8' },
  );
  return changed.stdout === '';
}

function isWritable() {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function build() {
  if (isBuilt()) return;
  const node = existsSync(pinnedNode) ? pinnedNode : process.execPath;
  const { status } = spawnSync(node, [join(root, 'tools/build.mjs')], { stdio: ['ignore', 2, 2] });
  if (status !== 0) fail('dist/ cannot be built; why is above.');
}

function say(text) {
  process.stderr.write(`edgetap: ${text}\n`);
}

function fail(...lines) {
  process.stderr.write(`edgetap: ${lines.join('\n')}\n`);
  process.exit(1);
}
