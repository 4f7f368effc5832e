import { describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { loadLibpcap } from './binding.ts';
import { compileAlone } from './compile_alone.ts';
import { type CompiledFilter, compileFilter, type FilterTexts } from './compile_filter.ts';
import { openCompileHandle } from './compile_handle.ts';
import { type CompiledText, compileText } from './compile_text.ts';
import { accept, accept_bytes } from './program.ts';

function filter(any_tags_text: string, own_tags_text = ''): FilterTexts {
  return { expression_text: any_tags_text, any_tags_text, own_tags_text };
}

function compile(texts: FilterTexts, linktype = 1, live = false): CompiledFilter {
  return compileFilter(texts, { linktype, live });
}

function compileOne(text: string): CompiledText {
  const handle = openCompileHandle(1);
  try {
    return compileText(handle.pointer, text);
  } finally {
    handle.close();
  }
}

test('one is empty only where all that it is joined of is', () => {
  const everything = compile({ expression_text: '', any_tags_text: ' ', any_tags_parts: ['', ' '], own_tags_text: '' });
  expect(everything).toMatchObject({ program: { instructions: new Uint8Array([6, 0, 0, 0, 0, 0, 4, 0]) } });
  for (const texts of [filter('ip'), filter('', 'ip'), { ...filter(''), any_tags_parts: ['ip'] }]) {
    expect(compile(texts)).toMatchObject({ kind: 'program' });
    expect(compile(texts)).not.toEqual(everything);
  }
});

describe('one text', () => {
  test('a program, whose instructions are libpcap’s own', () => {
    expect(compileOne('')).toEqual({ kind: 'program', instructions: [accept(accept_bytes)] });
    expect(compileOne('ip')).toEqual({
      kind: 'program',
      instructions: [
        { code: 0x28, jt: 0, jf: 0, k: 12 },
        { code: 0x15, jt: 0, jf: 1, k: 0x0800 },
        accept(accept_bytes),
        accept(0),
      ],
    });
  });

  test('what can match nothing, and what is no filter', () => {
    expect(compileOne('ip and ip6')).toMatchObject({ kind: 'program' });
    expect(compileOne('ip ip')).toMatchObject({ kind: 'error' });
    expect(compileOne('ip broadcast')).toMatchObject({ kind: 'error' });
  });

  test('nothing behind a zero byte is lost', () => {
    expect(compileOne('ip\0 and net 10.0.0.0/8')).toEqual({ kind: 'error', reason: 'it is not plain text' });
  });
});

describe('alone', () => {
  test('fits, does not fit here, is none', () => {
    expect(compileAlone('tcp', [1, 101])).toEqual([{ kind: 'fine' }, { kind: 'fine' }]);
    expect(compileAlone('vlan 5', [1, 101])).toEqual([
      { kind: 'fine' },
      { kind: 'excluded', reason: expect.stringContaining('no VLAN support') },
    ]);
    expect(compileAlone('tcp) or (udp', [1, 101]).map((one) => one.kind)).toEqual(['syntax', 'syntax']);
    expect(compileAlone('ip and ip6', [1])).toEqual([{ kind: 'fine' }]);
  });

  test.each([
    'ether[0xfffff000] = 1',
    'ip[0xffffeff2:2] = 1',
    'tcp or ether[0xffffffff] = 0',
    'ether[0xfff00000] = 0x45',
    'tcp[0xffe00000] = 1',
  ])('what asks for bytes that no packet has is a mistake: a live capture would find the kernel there: %s', (text) => {
    const far = { kind: 'syntax', reason: expect.stringMatching(/^no packet has a byte at offset 429\d{7}$/) };
    expect(compileAlone(text, [1, 101])).toEqual([far, far]);
  });

  test.each(['wlan type mgt', 'lane', 'oamf4', 'fisu', 'hsio 5', 'wlan ra 00:11:22:33:44:55', 'inbound'])(
    'a word that only other link types have is no mistake: %s',
    (text) => {
      expect(compileAlone(text, [1])).toMatchObject([{ kind: 'excluded' }]);
    },
  );
});

describe('a filter', () => {
  test('of nothing accepts all', () => {
    for (const linktype of [1, 101, 113]) {
      const compiled = compile(filter(''), linktype);
      expect(compiled).toMatchObject({ kind: 'program', program: { linktype } });
      if (compiled.kind === 'program') {
        expect(runBpf(compiled.program.instructions, { bytes: new Uint8Array(1) })).toBe(accept_bytes);
      }
    }
  });

  test('for raw IP is the same by the number of files and by libpcap’s own', () => {
    const [of_files, of_libpcap] = [compile(filter('tcp'), 101), compile(filter('tcp'), 12)];
    if (of_files.kind !== 'program' || of_libpcap.kind !== 'program') throw new Error('not compiled');
    expect(of_libpcap.program.instructions).toEqual(of_files.program.instructions);
  });

  test('that can match nothing is excluded', () => {
    expect(compile(filter('ip and ip6'))).toEqual({ kind: 'excluded', reason: 'no packet can match it' });
    expect(compile(filter('ip', 'vlan and 1 = 0'))).toEqual({ kind: 'excluded', reason: 'no packet can match it' });
  });

  test('that can match tagged packets only is not', () => {
    const compiled = compile(filter('ether[12:2] = 0x8100 and ether[16:2] = 0x0800 and ip'));
    expect(compiled.kind).toBe('program');
    if (compiled.kind !== 'program') return;
    const tagged = Uint8Array.from([...new Uint8Array(12), 0x81, 0, 0, 5, 8, 0, ...new Uint8Array(30)]);
    expect(runBpf(compiled.program.instructions, { bytes: tagged })).toBe(accept_bytes);
  });

  test('that the link type cannot have is excluded with the reason', () => {
    expect(compile(filter('ether host 02:00:00:00:00:01'), 101)).toMatchObject({
      kind: 'excluded',
      reason: expect.stringContaining('ethernet addresses supported only on'),
    });
    expect(compile(filter('ip', 'vlan'), 113)).toMatchObject({ kind: 'excluded' });
  });

  test('that a cooked interface cannot run is excluded there, and not in files', () => {
    expect(compile(filter('link[4:2] = 6'), 113)).toMatchObject({ kind: 'program' });
    expect(compile(filter('link[4:2] = 6'), 113, true)).toMatchObject({
      kind: 'excluded',
      reason: expect.stringContaining('reads byte 4 of the link-layer header'),
    });
  });

  test('too long for the kernel is a fault', () => {
    const text = Array.from({ length: 250 }, (_, at) => `ip[${at}] * ip[${at + 1}] = ip[${at + 2}]`).join(' or ');
    expect(compile(filter(text))).toMatchObject({
      kind: 'fault',
      fault: { name: 'expression_too_long', pointer: '/filter_expression' },
    });
    expect(compile({ ...filter(text), expression_text: '' })).toMatchObject({
      kind: 'fault',
      fault: { name: 'expression_too_long', pointer: '/filter_v1' },
    });
  });

  test('longer than a conditional jump reaches is right all the same', () => {
    const networks = Array.from({ length: 120 }, (_, index) => `net 10.${index}.0.0/16`).join(' or ');
    const compiled = compile(filter(`tcp and (${networks})`));
    expect(compiled.kind).toBe('program');
    if (compiled.kind !== 'program') return;
    expect(compiled.program.instructions.length / 8).toBeGreaterThan(512);
    for (const tags of [0, 1, 2]) {
      for (const [second, matches] of [
        [0, true],
        [119, true],
        [120, false],
      ] as const) {
        const ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, second, 1, 1, 192, 0, 2, 1, ...new Uint8Array(20)];
        const frame = [
          ...new Uint8Array(12),
          ...Array.from({ length: tags }, () => [0x81, 0, 0, 1]).flat(),
          8,
          0,
          ...ip,
        ];
        expect(runBpf(compiled.program.instructions, { bytes: Uint8Array.from(frame) }) !== 0).toBe(matches);
      }
    }
  });
});

test('libpcap takes every joined program for valid', () => {
  const texts = [
    'tcp',
    'not tcp',
    'host 10.0.0.1 or portrange 5-9',
    'geneve and tcp',
    'pppoes 5 and ip6',
    'mpls 7 and ip',
    'len > 5',
    'ip[len - 20] = 5',
  ];
  for (const text of texts) {
    for (const own of ['', 'vlan 5', 'not vlan']) {
      const compiled = compile(filter(text, own));
      expect(compiled.kind, `${text} / ${own}`).toBe('program');
      if (compiled.kind !== 'program') continue;
      const { instructions } = compiled.program;
      expect(loadLibpcap().pcap.bpf_validate(instructions, instructions.length / 8)).not.toBe(0);
    }
  }
});
