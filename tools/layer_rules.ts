/** What the modules of one folder of `src/` may import and use. */
export interface LayerRule {
  /** Other folders of `src/`; all must stand above it in the table, so that imports point one way. */
  readonly folders: readonly string[];
  /** npm packages; `@scope/*` is all of a scope. */
  readonly packages: readonly string[];
  /** Pure: no `node:*`, no clock, no randomness, no environment, no logger. */
  readonly pure?: true;
  /** May it read `process.env`? */
  readonly environment?: true;
  /** Folders that it must not even reach through others. */
  readonly never?: readonly string[];
}

const shells = ['libpcap', 'net', 'capture', 'samples', 'bucket', 'upload', 'bus', 'db'];
const pure = ['model', 'filter', 'pcap', 'plan', 'wire'];

/** The layers of `src/`, lowest first: section "Layout" of docs/architecture.md as data. */
export const layerRules: ReadonlyMap<string, LayerRule> = new Map<string, LayerRule>([
  ['model', { pure: true, folders: [], packages: [] }],
  ['filter', { pure: true, folders: ['model'], packages: [] }],
  ['pcap', { pure: true, folders: ['model'], packages: [] }],
  ['plan', { pure: true, folders: ['model', 'filter'], packages: [] }],
  ['wire', { pure: true, folders: ['model'], packages: ['typebox'] }],

  // One outside thing each.
  ['libpcap', { folders: ['model', 'filter'], packages: ['koffi'] }],
  ['net', { folders: ['model'], packages: [] }],
  ['capture', { folders: ['model', 'pcap', 'filter', 'libpcap'], packages: [] }],
  ['samples', { folders: ['model', 'pcap', 'filter', 'libpcap'], packages: [] }],
  ['bucket', { folders: ['model', 'net'], packages: ['@aws-sdk/*', '@smithy/*'] }],
  ['upload', { folders: ['model', 'net'], packages: [] }],
  ['bus', { folders: ['model', 'wire'], packages: ['@nats-io/*'] }],
  ['db', { folders: ['model'], packages: ['kysely', 'pg'] }],

  [
    'sensor',
    {
      folders: [...pure, 'libpcap', 'capture', 'samples', 'upload', 'bus'],
      packages: [],
      never: ['bucket', 'db', 'control', 'api'],
    },
  ],
  [
    'control',
    {
      folders: [...pure, 'db', 'bucket', 'bus'],
      packages: ['prom-client'],
      never: ['libpcap', 'capture', 'samples', 'sensor', 'api'],
    },
  ],
  [
    'api',
    {
      folders: ['wire', 'model', 'control'],
      packages: ['fastify', '@fastify/*', 'typebox', 'ajv-formats', 'prom-client'],
      never: ['libpcap', 'capture', 'samples', 'sensor'],
    },
  ],
  ['client', { folders: ['wire', 'model'], packages: [] }],
  ['cli', { folders: ['client', 'wire', 'model'], packages: ['commander'] }],
  [
    'main',
    {
      folders: [...pure, ...shells, 'sensor', 'control', 'api', 'client', 'cli'],
      packages: ['pino', 'prom-client', 'fastify', 'commander'],
      environment: true,
    },
  ],
]);

/** What a test beside a module may import on top of everything in its own and all lower folders. */
export const testPackages: readonly string[] = ['vitest', 'fast-check'];
