import { describe, expect, test } from 'vitest';
import { readInterfaceList } from './interface_list.ts';

const never = (): boolean => false;
const names = (text: string, isAlternative: (name: string) => boolean = never): unknown => {
  const found = readInterfaceList(text, isAlternative);
  return 'names' in found ? found.names : found.expected;
};

describe('readInterfaceList', () => {
  test.each<[string, unknown]>([
    ['', 'default'],
    ['  ', 'default'],
    ['all', 'all'],
    [' all ', 'all'],
    ['eth0', ['eth0']],
    ['eth0,eth1', ['eth0', 'eth1']],
    ['eth0 eth1', ['eth0', 'eth1']],
    [' eth0,, eth1 ,\teth2\n', ['eth0', 'eth1', 'eth2']],
    ['eth0 eth0', ['eth0']],
    ['a\\,b c', ['a,b', 'c']],
    ['a\\\\b', ['a\\b']],
    ['\\all', ['all']],
    ['a\\xffb', ['a\\xffb']],
    ['a\\xFFb', ['a\\xffb']],
    ['\\xc3\\xbc', ['ü']],
    ['ü-1', ['ü-1']],
    ['eth0.100 br-1a2b wg@0 veth*', ['eth0.100', 'br-1a2b', 'wg@0', 'veth*']],
    ['x'.repeat(15), ['x'.repeat(15)]],
    ['日本日本日', ['日本日本日']],
  ])('%j is %j', (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  test.each([
    [',', 'names of interfaces'],
    ['eth0 all', 'either "all", alone'],
    ['any', '"any" is none'],
    ['eth0,any', '"any" is none'],
    ['/', '"/" cannot be one'],
    ['a/b', '"a/b" cannot be one'],
    ['/sys/class/net/eth0', 'cannot be one'],
    ['.', 'cannot be one'],
    ['..', 'cannot be one'],
    ['eth0:1', '"eth0" for "eth0:1"'],
    ['x'.repeat(16), 'at most 15 bytes'],
    ['日本日本日本', 'at most 15 bytes'],
    ['x'.repeat(128), 'of at most 127'],
    ['a\\ b', 'cannot be one'],
    ['a\\x00', 'cannot be one'],
    ['caf\\xa0', 'cannot be one'],
    ['eth0\\', 'without a backslash at its end'],
    ['a\uFFFD', '\\xff'],
  ])('%j is refused: %s', (text, why) => {
    expect(names(text)).toContain(why);
  });

  test('a longer name is taken where it is an alternative name, up to what those can have', () => {
    const there = (name: string): boolean => name.startsWith('long');
    expect(names('long-alternative-name, eth0', () => true)).toEqual(['long-alternative-name', 'eth0']);
    expect(names('long-alternative-name other-alternative-name', there)).toContain(
      '"other-alternative-name" is longer',
    );
    expect(names('x'.repeat(128), () => true)).toContain('of at most 127');
  });
});
