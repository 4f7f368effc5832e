import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { testLinkName } from '../../test/support/test_link_name.ts';
import { alternativeIndex } from './alternative_name.ts';

test('finds an interface by an alternative name, short or long, and by its own; not by one that nobody has', () => {
  const name = testLinkName();
  execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}b`]);
  try {
    const names = [`${name}-alt`, `an-alternative-name-of-${name}`, `ü,${name}`, 'x'.repeat(127)];
    for (const one of names) execFileSync('ip', ['link', 'property', 'add', 'dev', name, 'altname', one]);
    const ifindex = Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
    for (const one of [...names, name]) expect(alternativeIndex(one)).toBe(ifindex);
    for (const none of ['', 'no-such-name', 'x'.repeat(126), 'x'.repeat(128), `${name}-al`]) {
      expect(alternativeIndex(none)).toBeUndefined();
    }
  } finally {
    execFileSync('ip', ['link', 'del', name]);
  }
});
