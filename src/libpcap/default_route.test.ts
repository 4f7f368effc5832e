import { describe, expect, test } from 'vitest';
import { defaultRouteInterface } from './default_route.ts';

const ipv4Header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const none = '00000000000000000000000000000000';

function routes(ipv4: readonly string[], ipv6: readonly string[] = []): string | undefined {
  const texts = new Map([
    ['/proc/net/route', ipv4Header + ipv4.map((line) => `${line.replaceAll(' ', '\t')}   \n`).join('')],
    ['/proc/net/ipv6_route', ipv6.map((line) => `${line}\n`).join('')],
  ]);
  return defaultRouteInterface({ list: () => [], read: (path) => texts.get(path) });
}

describe('the default route', () => {
  test('of the least metric is taken', () => {
    const found = routes([
      'wlan0 00000000 010200C0 0003 0 0 600 00000000 0 0 0',
      'eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0',
      'eth1 0000C80A 00000000 0001 0 0 0 00FFFFFF 0 0 0',
    ]);
    expect(found).toBe('eth0');
  });

  test('is not one that is half of the net, down, or a refusal', () => {
    const found = routes([
      'tun0 00000000 010200C0 0003 0 0 0 00000080 0 0 0',
      'eth0 00000000 010200C0 0002 0 0 0 00000000 0 0 0',
      'eth1 00000000 00000000 0201 0 0 0 00000000 0 0 0',
    ]);
    expect(found).toBeUndefined();
  });

  test('of IPv6 is taken where there is none of IPv4', () => {
    const found = routes(
      ['eth0 0000C80A 00000000 0001 0 0 0 00FFFFFF 0 0 0'],
      [
        `fe800000000000000000000000000000 40 ${none} 00 ${none} 00000100 00000001 00000000 00000001     eth9`,
        `${none} 00 ${none} 00 ${none} ffffffff 00000001 00000000 00200200       lo`,
        `${none} 00 ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1`,
        `${none} 00 ${none} 00 fe800000000000000000000000000001 00000300 00000001 00000000 00000003     eth2`,
      ],
    );
    expect(found).toBe('eth2');
  });

  test('is unknown without the files', () => {
    expect(defaultRouteInterface({ list: () => [], read: () => undefined })).toBeUndefined();
  });
});
