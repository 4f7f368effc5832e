import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { describe, expect, test } from 'vitest';
import { callFilter, callVerdicts } from './call_filter.ts';
import { encodeInstructions } from './program.ts';
import { type Architecture, auditArchitectures, callNumber, newest_call, systemCalls } from './system_calls.ts';

const architectures: readonly Architecture[] = ['x64', 'arm64'];

/** `struct seccomp_data` as the machine reads it, whose words are those of the processor: here big-endian, which is how the oracle loads. */
function callData(number: number, architecture: number, args: readonly bigint[] = []): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, number);
  view.setUint32(4, architecture);
  for (const [index, value] of args.entries()) {
    view.setUint32(16 + 8 * index, Number(value & 0xffff_ffffn));
    view.setUint32(20 + 8 * index, Number(value >> 32n));
  }
  return bytes;
}

describe.each(architectures)('a filter for %s', (architecture) => {
  const rules = {
    calls: ['read', 'mmap', 'alarm'] as const,
    conditions: [
      {
        call: 'prlimit64',
        arguments: [
          [0, 0],
          [1, 7],
        ],
      } as const,
    ],
    listed: callVerdicts.allow,
    others: callVerdicts.refuse,
  };
  const program = encodeInstructions(callFilter(architecture, rules));
  const verdict = (...data: Parameters<typeof callData>): number => runBpf(program, { bytes: callData(...data) });
  const own = auditArchitectures[architecture];
  const listed = rules.calls.flatMap((name) => callNumber(name, architecture) ?? []);
  const conditional = callNumber('prlimit64', architecture) ?? 0;

  test('lets through what is listed, refuses all else, and does not know what is newer', () => {
    for (let number = 0; number < 1024; number += 1) {
      if (number === conditional) continue;
      const others = number > newest_call ? callVerdicts.unknown : callVerdicts.refuse;
      expect(verdict(number, own), String(number)).toBe(listed.includes(number) ? callVerdicts.allow : others);
    }
  });

  test('compares all 64 bits of arguments', () => {
    const argument = fc.oneof(fc.constantFrom(0n, 7n, 1n << 32n, (1n << 32n) + 7n), fc.bigInt(0n, (1n << 64n) - 1n));
    fc.assert(
      fc.property(argument, argument, (first, second) => {
        const allowed = first === 0n && second === 7n;
        expect(verdict(conditional, own, [first, second])).toBe(allowed ? callVerdicts.allow : callVerdicts.refuse);
      }),
    );
  });

  test('kills who comes with the calls of another processor, or of x32', () => {
    const others = [...Object.values(auditArchitectures), 0x4000_0003, 0x4000_0028, 0].filter((one) => one !== own);
    fc.assert(
      fc.property(fc.nat(1024), fc.constantFrom(...others), (number, other) => {
        expect(verdict(number, other)).toBe(callVerdicts.kill);
        expect(verdict(0x4000_0000 + number, own)).toBe(callVerdicts.kill);
      }),
    );
  });
});

describe('numbers of system calls', () => {
  const headers = [
    ['x64', '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'],
    ['arm64', '/usr/include/asm-generic/unistd.h'],
  ] as const;
  test.each(headers.filter(([, path]) => existsSync(path)))(
    'of %s are those of the kernel’s header',
    (architecture, path) => {
      const text = readFileSync(path, 'utf8');
      const known = new Map(
        [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm)].map(([, name, number]) => [name, Number(number)]),
      );
      for (const name of systemCalls) expect([name, callNumber(name, architecture)]).toEqual([name, known.get(name)]);
    },
  );
});
