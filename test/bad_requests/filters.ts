import { type BadRequest, create, simple } from './bad_request.ts';

const of = (filter_v1: unknown, ...errors: BadRequest['errors']): BadRequest =>
  create(`filter_v1 ${JSON.stringify(filter_v1)}`, { ...simple, filter_v1 }, ...errors);
const at = (field: string): string => `/filter_v1/${field}`;
const expression = (filter_expression: string, ...codes: number[]): BadRequest =>
  create(
    `filter_expression ${JSON.stringify(filter_expression).slice(0, 60)}`,
    { ...simple, filter_expression },
    ...codes.map((code) => [code, '/filter_expression'] as const),
  );

/** Filters: the exact fields, and expressions that libpcap must not be trusted with. */
export const filters: readonly BadRequest[] = [
  of([], [1102, '/filter_v1']),
  of('tcp', [1102, '/filter_v1']),
  of({ port: 80 }, [1101, at('port')]),
  of({ source_address: '1.2.3' }, [1300, at('source_address')]),
  of({ source_address: '1.2.3.4/33' }, [1300, at('source_address')]),
  of({ source_address: '01.2.3.4' }, [1300, at('source_address')]),
  of({ source_address: 'example.com' }, [1300, at('source_address')]),
  of({ source_address: '1.2.3.4 or host 5.6.7.8' }, [1300, at('source_address')]),
  of({ source_address: 16_909_060 }, [1102, at('source_address')]),
  of({ destination_address: '2001:db8::1::2' }, [1300, at('destination_address')]),
  of({ destination_address: '2001:db8::/129' }, [1300, at('destination_address')]),
  of({ destination_address: 'fe80::1%eth0' }, [1300, at('destination_address')]),
  of({ source_address: '1.2.3.4', destination_address: '2001:db8::1' }, [1303, at('destination_address')]),
  of({ source_port: -1 }, [1301, at('source_port')]),
  of({ destination_port: 65_536 }, [1301, at('destination_port')]),
  of({ source_port: '80' }, [1102, at('source_port')]),
  of({ source_port: 80.5 }, [1102, at('source_port')]),
  of({ protocol: 256 }, [1302, at('protocol')]),
  of({ protocol: 'tcp' }, [1102, at('protocol')]),
  of({ protocol: 1, destination_port: 80 }, [1304, at('destination_port')]),
  of(
    { source_address: 'x', destination_address: 'y', source_port: 1e9, destination_port: -1, protocol: 999 },
    [1300, at('source_address')],
    [1300, at('destination_address')],
    [1301, at('source_port')],
    [1301, at('destination_port')],
    [1302, at('protocol')],
  ),
  expression('-z x', 1307, 1307),
  expression('-w /etc/passwd', 1307, 1307, 1307),
  expression('tcp) or (udp', 1308),
  expression('(tcp', 1308),
  expression('tcp and', 1308),
  expression('tcp port', 1308),
  expression('tcp and and udp', 1308),
  expression('ether[0xfffff000] = 1', 1308),
  expression('tcp; rm -rf /', 1308, 1307, 1307),
  expression('$(reboot)', 1308, 1307),
  expression('host example.com', 1307),
  expression('example.com', 1307),
  expression('host localhost', 1307),
  expression('net loopback', 1307),
  expression('port http', 1307),
  expression('gateway 192.0.2.1', 1307),
  expression('tcp \u0000', 1306),
  expression('tcp\u0007', 1306),
  expression('h\u00f6st 1.2.3.4', 1306),
  expression('x'.repeat(4097), 1305),
  create('filter_expression 7', { ...simple, filter_expression: 7 }, [1102, '/filter_expression']),
  create('filter_expression ["tcp"]', { ...simple, filter_expression: ['tcp'] }, [1102, '/filter_expression']),
];
