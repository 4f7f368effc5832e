import { mixed } from './packet_mix.ts';

/** One question, as each of the programs is asked it. */
export interface LookbackCase {
  readonly name: string;
  /** In libpcap's language: what edgetap and tcpdump are asked. Blank takes everything. */
  readonly expression: string;
  /** In Stenographer's language: the same, or what comes nearest from above. */
  readonly stenographer: string;
  /** Stenographer cannot say all of it: its answer goes through tcpdump, as its manual has it. */
  readonly filtered: boolean;
  /** Few packets match, or many. */
  readonly kind: 'selective' | 'broad' | 'between';
}

const { connection, port, network, rare_host, busy_host } = mixed;
const ends = `host ${connection.client} and host ${connection.server}`;
const ports = `port ${connection.client_port} and port ${connection.server_port}`;

/** What the look-back benchmark asks for. */
export const lookbackCases: readonly LookbackCase[] = [
  {
    name: 'five-tuple',
    expression: `tcp and ${ends} and ${ports}`,
    stenographer: `tcp and ${ends} and ${ports}`,
    filtered: false,
    kind: 'selective',
  },
  {
    name: 'one address',
    expression: `host ${rare_host}`,
    stenographer: `host ${rare_host}`,
    filtered: false,
    kind: 'selective',
  },
  {
    name: 'one port',
    expression: `port ${port}`,
    stenographer: `port ${port}`,
    filtered: false,
    kind: 'broad',
  },
  {
    name: 'a /24',
    expression: `net ${network}`,
    stenographer: `net ${network}`,
    filtered: false,
    kind: 'between',
  },
  {
    name: 'expression',
    // An index can say the host; the flags have to be looked at.
    expression: `tcp[tcpflags] & tcp-syn != 0 and host ${busy_host}`,
    stenographer: `tcp and host ${busy_host}`,
    filtered: true,
    kind: 'between',
  },
  {
    name: 'no filter',
    expression: '',
    stenographer: 'after 2000-01-01T00:00:00Z',
    filtered: false,
    kind: 'broad',
  },
];
