import type { Control, Credentials, Download } from '../control/control.ts';
import type { Capture } from '../model/capture.ts';
import { raise } from '../model/errors/fault.ts';
import type { Estimate } from '../model/estimate.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import type { Ownership } from '../model/ownership.ts';
import type { Principal } from '../model/principal.ts';

/** One call of a method of control, with its arguments. */
export interface RecordedCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A control for tests of the HTTP layer: it decides nothing, records what it is asked and answers what a test sets. */
export interface RecordingControl extends Control {
  readonly calls: RecordedCall[];
  /** What the next calls of a method do, by name such as `captures.create`; without one they give plain answers. */
  readonly answers: Map<string, (...args: never[]) => unknown>;
}

/** The limits as they are where nobody sets them. */
export function testLimits(): LimitCounts {
  return new LimitCounts(limitFallbacks);
}

/** The account and principals that the recording control knows. */
export const recorded: {
  readonly account_id: string;
  readonly capture_id: string;
  readonly ownership_id: string;
  readonly write_token: string;
  readonly read_token: string;
  readonly capture: Capture;
  readonly ownership: Ownership;
  readonly estimate: Estimate;
} = {
  account_id: '023e105f4ecef8ad9ca31a8372d0c353',
  capture_id: '66802ca5668e47a2b82c2e6746e45037',
  ownership_id: '9883874ecac311ec8475433579a6bf5f',
  write_token: 'write-token-of-the-tests',
  read_token: 'read-token-of-the-tests',
  capture: {
    id: '66802ca5668e47a2b82c2e6746e45037',
    account_id: '023e105f4ecef8ad9ca31a8372d0c353',
    spec: {
      type: 'simple',
      system: 'magic-transit',
      time_limit_s: 300,
      filter_v1: {},
      format: 'pcap',
      packet_limit: 10,
      offset_time: 1_769_846_400_000_000_000n,
    },
    status: 'success',
    submitted: 1_769_846_400_000_000_000n,
    parts: [],
  },
  ownership: {
    id: '9883874ecac311ec8475433579a6bf5f',
    account_id: '023e105f4ecef8ad9ca31a8372d0c353',
    destination_conf: 's3://pcaps-bucket?region=us-east-1',
    filename: 'ownership-challenge-9883874ecac311ec8475433579a6bf5f.txt',
    status: 'pending',
    submitted: 1_769_846_400_000_000_000n,
  },
  estimate: {
    type: 'simple',
    time_limit_s: 300,
    observed_from: 1_769_846_100_000_000_000n,
    observed_to: 1_769_846_400_000_000_000n,
    packets: 10n,
    bytes: 1600n,
    packets_estimated: 48_000n,
    bytes_estimated: 48_000_000n,
    time_to_packet_limit_ns: 250_000_000n,
    sample_rate: 4,
    talkers: [
      { source: '192.0.2.1', destination: '192.0.2.2', packets_estimated: 32_000n, bytes_estimated: 40_000_000n },
    ],
    shares: [
      {
        sensor: 'gw-1',
        interface: 'eth0',
        colo: 'ord02',
        status: 'done',
        packets: 12_000n,
        bytes: 1_920_000n,
        packets_estimated: 48_000n,
        bytes_estimated: 48_000_000n,
        dropped: 0n,
        sample_rate: 4,
      },
    ],
  },
};

/** A file of bytes as a download. */
export function downloadOf(bytes: Uint8Array, over: Partial<Download> = {}): Download {
  return {
    filename: `pcap_${recorded.capture_id}.pcap`,
    media_type: 'application/vnd.tcpdump.pcap',
    size_bytes: bytes.length,
    etag: '"etag-of-the-file"',
    last_modified: 1_769_846_400_500_000_000n,
    open: async (range) => chunks(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)),
    ...over,
  };
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

/** Makes a recording control. */
export function recordingControl(): RecordingControl {
  const calls: RecordedCall[] = [];
  const answers: RecordingControl['answers'] = new Map();
  const method =
    <Args extends readonly unknown[], Answer>(name: string, plain: (...args: Args) => Answer) =>
    async (...args: Args): Promise<Answer> => {
      calls.push({ method: name, args });
      const set = answers.get(name) as ((...args: Args) => Answer | Promise<Answer>) | undefined;
      return await (set ?? plain)(...args);
    };
  return {
    calls,
    answers,
    authenticate: method('authenticate', principalOf),
    verifyToken: method('verifyToken', (principal: Principal) => ({ id: principal.id, status: 'active' as const })),
    accounts: method('accounts', () => [{ id: recorded.account_id, name: 'tests', created: 0n }]),
    captures: {
      create: method('captures.create', () => ({
        ok: true as const,
        capture: recorded.capture,
        rate: { limit: 60, window_s: 60, remaining: 59, reset_s: 1 },
      })),
      list: method('captures.list', () => ({ captures: [recorded.capture], total_count: 1 })),
      get: method('captures.get', (_by, id) =>
        id === recorded.capture_id ? recorded.capture : raise('not_found', { what: 'capture' }),
      ),
      stop: method('captures.stop', () => undefined),
      discard: method('captures.discard', () => undefined),
      download: method('captures.download', () => downloadOf(new Uint8Array(24))),
    },
    estimates: { estimate: method('estimates.estimate', () => recorded.estimate) },
    ownerships: {
      list: method('ownerships.list', () => ({ buckets: [recorded.ownership], total_count: 1 })),
      add: method('ownerships.add', () => recorded.ownership),
      validate: method('ownerships.validate', () => ({ ...recorded.ownership, status: 'success', validated: 1n })),
      remove: method('ownerships.remove', () => undefined),
    },
    readiness: method('readiness', () => ({ ready: true, parts: [], reasons: [] })),
    metrics: method('metrics', () => '# HELP edgetap_test Of the tests.\n# TYPE edgetap_test gauge\nedgetap_test 1\n'),
  };
}

function principalOf({ authorization, auth_email, auth_key }: Credentials): Principal {
  const { account_id } = recorded;
  if (authorization === `Bearer ${recorded.write_token}`) {
    return { id: 'w'.repeat(32), kind: 'token', account_id, permission: 'write' };
  }
  if (authorization === `Bearer ${recorded.read_token}`) {
    return { id: 'r'.repeat(32), kind: 'token', account_id, permission: 'read' };
  }
  if (authorization === undefined && auth_email === 'user@example.com' && auth_key === 'key-of-the-tests') {
    return { id: 'u'.repeat(32), kind: 'user', account_id, permission: 'write' };
  }
  return raise('unauthorized');
}
