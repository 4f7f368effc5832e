import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { quietLink } from '../../test/support/quiet_link.ts';
import { createTunDevice } from '../../test/support/tun_device.ts';
import { hostFiles, type InterfaceFiles, interfaceDrops, interfaceNamed, listInterfaces } from './interfaces.ts';

function filesOf(texts: Readonly<Record<string, string>>): InterfaceFiles {
  const paths = Object.keys(texts);
  return {
    list: (directory) => [
      ...new Set(
        paths
          .filter((path) => path.startsWith(`${directory}/`))
          .map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''),
      ),
    ],
    read: (path) => texts[path],
  };
}

test('reads numbers, types, flags and addresses, in the order of the numbers', () => {
  const files = filesOf({
    '/sys/class/net/wg0/ifindex': '9\n',
    '/sys/class/net/wg0/type': '65534\n',
    '/sys/class/net/wg0/flags': '0x10d0\n',
    '/sys/class/net/wg0/address': '\n',
    '/sys/class/net/lo/ifindex': '1\n',
    '/sys/class/net/lo/type': '772\n',
    '/sys/class/net/lo/flags': '0x9\n',
    '/sys/class/net/lo/address': '00:00:00:00:00:00\n',
    '/sys/class/net/eth0/ifindex': '2\n',
    '/sys/class/net/eth0/type': '1\n',
    '/sys/class/net/eth0/flags': '0x1003\n',
    '/sys/class/net/eth0/address': '02:fc:00:00:00:01\n',
    '/sys/class/net/bonding_masters': 'bond0\n',
    // Went away while it was being read.
    '/sys/class/net/gone0/ifindex': '11\n',
  });
  expect(listInterfaces(files)).toEqual([
    { name: 'lo', ifindex: 1, arphrd: 772, up: true, loopback: true },
    { name: 'eth0', ifindex: 2, arphrd: 1, up: true, loopback: false, mac: '02:fc:00:00:00:01' },
    { name: 'wg0', ifindex: 9, arphrd: 65534, up: false, loopback: false },
  ]);
  expect(listInterfaces(filesOf({}))).toEqual([]);
  expect(interfaceNamed('eth0', files)?.ifindex).toBe(2);
  for (const none of ['eth1', 'bonding_masters', 'gone0', '', '.', '..', 'lo/../eth0'])
    expect(interfaceNamed(none, files)).toBeUndefined();
});

test('adds up what an interface lost, and does not know what it does not say', () => {
  const statistics = '/sys/class/net/eth0/statistics';
  const missed = {
    '/sys/class/net/eth0/ifindex': '2\n',
    [`${statistics}/rx_missed_errors`]: '18446744073709551610\n',
  };
  const both = { ...missed, [`${statistics}/rx_fifo_errors`]: '2\n' };
  expect(interfaceDrops({ name: 'eth0', ifindex: 2 }, filesOf(both))).toBe(18446744073709551612n);
  expect(interfaceDrops({ name: 'eth0', ifindex: 2 }, filesOf(missed))).toBeUndefined();
  // It was removed, and another one was given its name.
  expect(interfaceDrops({ name: 'eth0', ifindex: 3 }, filesOf(both))).toBeUndefined();
});

test('reads names as they are', () => {
  const name = `ü-${process.pid}`;
  execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}b`]);
  try {
    for (const end of [name, `${name}b`]) quietLink(end);
    execFileSync('ip', ['link', 'set', `${name}b`, 'up']);
    execFileSync('ip', ['link', 'set', name, 'up']);
    execFileSync('ip', ['route', 'add', '198.51.100.77/32', 'dev', name]);
    expect(listInterfaces().filter((one) => one.name === name)).toHaveLength(1);
    expect(hostFiles.read('/proc/net/route')).toContain(`\n${name}\t`);
  } finally {
    execFileSync('ip', ['link', 'del', name]);
  }
});

test('agrees with the system on its own interfaces', async () => {
  const pair = await createNamespacePair({ ipv4: { near: '10.214.1.1', far: '10.214.1.2' } });
  const tun = await createTunDevice();
  try {
    const found = listInterfaces();
    expect(found.find(({ name }) => name === 'lo')).toMatchObject({ ifindex: 1, arphrd: 772, loopback: true });
    expect(found.find(({ name }) => name === pair.near.name)).toEqual({
      name: pair.near.name,
      ifindex: pair.near.ifindex,
      arphrd: 1,
      up: true,
      loopback: false,
      mac: pair.near.mac,
    });
    expect(found.find(({ ifindex }) => ifindex === tun.ifindex)).toMatchObject({ name: tun.name, arphrd: 65534 });
    // A name that is no UTF-8, as a test beside this one may make it, Node cannot tell.
    const told = Object.keys(networkInterfaces()).filter((name) => !name.includes('\uFFFD'));
    for (const name of told) expect(found.map((one) => one.name)).toContain(name);
    expect(interfaceDrops(pair.near)).toBe(0n);
    expect(interfaceDrops({ name: 'no-such-thing', ifindex: 1 })).toBeUndefined();
  } finally {
    tun.close();
    await pair.remove();
  }
});

test('where no more files can be opened, no interface is called missing: interfaces_unreadable', () => {
  const script = `
    import { openSync } from 'node:fs';
    const { listInterfaces, interfaceDrops } = await import(${JSON.stringify(new URL('interfaces.ts', import.meta.url).href)});
    const { FaultError } = await import(${JSON.stringify(new URL('../model/errors/fault.ts', import.meta.url).href)});
    const before = listInterfaces().length;
    try {
      for (;;) openSync('/dev/null', 'r');
    } catch (error) {
      if (error.code !== 'EMFILE') throw error;
    }
    const drops = interfaceDrops({ name: 'lo', ifindex: 1 });
    let told = [];
    try {
      listInterfaces();
    } catch (error) {
      told = error instanceof FaultError ? error.faults.map(({ name, message }) => [name, message]) : [String(error)];
    }
    process.stdout.write(JSON.stringify({ before, drops: String(drops), told }));
  `;
  const limited = ['--nofile=60:60', process.execPath, '--input-type=module', '--eval', script];
  const said = JSON.parse(execFileSync('prlimit', limited, { encoding: 'utf8' })) as Record<string, unknown>;
  expect(said).toMatchObject({
    drops: 'undefined',
    told: [['interfaces_unreadable', expect.stringContaining('too many open files (EMFILE)') as string]],
  });
  expect(said['before']).toBeGreaterThan(0);
});

test('a name that is no UTF-8, or has control characters, has a text to find it by', () => {
  // Node passes arguments as UTF-8.
  const name = `"$(printf 'a\\377\\033${process.pid % 1_000_000}')"`;
  const sh = (script: string): string => execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  const text = `a\\xff\\x1b${process.pid % 1_000_000}`;
  sh(`ip link add ${name} type veth peer name eu${process.pid % 1_000_000}`);
  try {
    const found = listInterfaces().find((one) => one.name === text);
    expect(found?.arphrd).toBe(1);
    expect(interfaceNamed(text)).toEqual(found);
    expect(interfaceDrops({ name: text, ifindex: found?.ifindex ?? 0 })).toBe(0n);
    sh(`ip link set ${name} up && ip route add 198.51.100.78/32 dev ${name}`);
    expect(hostFiles.read('/proc/net/route')).toContain(`\n${text}\t`);
  } finally {
    sh(`ip link del ${name}`);
  }
});
