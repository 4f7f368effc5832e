import { existsSync, readFileSync } from 'node:fs';

/** What is known of how this process runs. */
export interface Surroundings {
  readonly is_root: boolean;
  /** `/proc/self/cgroup`: systemd has the name of the unit in it. */
  readonly cgroup: string;
  readonly in_container: boolean;
  readonly in_kubernetes: boolean;
}

/** How to give this process CAP_NET_RAW. To root `sudo` gives nothing: something has taken the capability away. */
export function captureHint({ is_root, cgroup, in_container, in_kubernetes }: Surroundings): string {
  if (in_kubernetes) return 'with "capabilities: { add: [NET_RAW] }" in the securityContext of its container';
  if (in_container) return 'for example with "docker run --cap-add NET_RAW"';
  if (/\.service$/m.test(cgroup)) return 'with "AmbientCapabilities=CAP_NET_RAW" in its systemd unit';
  return is_root
    ? 'which root does not have here: in a container, run it with "--cap-add NET_RAW"'
    : 'for example with "sudo npm start"';
}

/** How this process runs. */
export function surroundings(): Surroundings {
  return {
    is_root: process.getuid?.() === 0,
    cgroup: textOf('/proc/self/cgroup'),
    in_container: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    in_kubernetes: existsSync('/var/run/secrets/kubernetes.io'),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
