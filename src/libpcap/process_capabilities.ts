import { existsSync, readFileSync } from 'node:fs';

/** What a process may do beyond others of its user (capabilities(7)), as `/proc/PID/status` has it. */
export interface ProcessCapabilities {
  /** One bit for each capability that it has, or can take. */
  readonly permitted: bigint;
  /** No program that it starts has more. */
  readonly no_new_privileges: boolean;
}

/** Numbers of capabilities, and what setpriv(1) calls them. */
export const capability = {
  net_bind_service: 10,
  net_raw: 13,
  setpcap: 8,
} as const;

/** The name of a capability. */
export type CapabilityName = keyof typeof capability;

/** Those of this process. */
export function processCapabilities(status = readFileSync('/proc/self/status', 'utf8')): ProcessCapabilities {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0';
  return { permitted: BigInt(`0x${field('CapPrm')}`), no_new_privileges: field('NoNewPrivs') === '1' };
}

/** Where setpriv(1) of util-linux is; undefined where it is missing. */
export function findSetpriv(): string | undefined {
  return ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
}

/** Bits of some capabilities. */
export function bitsOf(names: readonly CapabilityName[]): bigint {
  return names.reduce((bits, name) => bits | (1n << BigInt(capability[name])), 0n);
}

/**
 * Options of setpriv(1) under which a program has these capabilities and no others, whatever its user, and gets no more by starting
 * another: being root alone gives none. To be given by one that has them, and `setpcap`.
 */
export function setprivOptions(names: readonly CapabilityName[]): readonly string[] {
  const kept = ['-all', ...names.map((name) => `+${name}`)].join(',');
  return [
    `--inh-caps=${kept}`,
    `--ambient-caps=${kept}`,
    `--bounding-set=${kept}`,
    '--securebits=+noroot,+noroot_locked',
    '--no-new-privs',
  ];
}

/** The same for a program without any, by one that has some already in this way, and no `setpcap`. */
export const setpriv_nothing: readonly string[] = ['--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs'];
