import { expect, test } from 'vitest';
import { fault } from '../model/errors/fault.ts';
import { captureHint, type Surroundings, surroundings } from './capture_hint.ts';

const plain: Surroundings = {
  is_root: false,
  cgroup: '0::/user.slice/session-1.scope\n',
  in_container: false,
  in_kubernetes: false,
};

test.each<[Partial<Surroundings>, string]>([
  [{}, 'sudo npm start'],
  [{ is_root: true }, '--cap-add NET_RAW'],
  [{ is_root: true, in_container: true }, 'docker run --cap-add NET_RAW'],
  [{ in_container: true, cgroup: '0::/system.slice/docker.service\n' }, 'docker run --cap-add NET_RAW'],
  [{ is_root: true, in_container: true, in_kubernetes: true }, 'capabilities: { add: [NET_RAW] }'],
  [{ cgroup: '0::/system.slice/edgetap.service\n' }, 'AmbientCapabilities=CAP_NET_RAW'],
])('%j: %s', (given, hint) => {
  const { message } = fault('capture_denied', { hint: captureHint({ ...plain, ...given }) });
  expect(message).toContain(`This process may not capture packets: give it CAP_NET_RAW, `);
  expect(message).toContain(hint);
  expect(message.includes('sudo')).toBe(hint.includes('sudo'));
});

test('knows who runs it', () => {
  expect(surroundings()).toMatchObject({
    is_root: process.getuid?.() === 0,
    cgroup: expect.stringContaining(':') as string,
  });
});
