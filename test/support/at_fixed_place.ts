/** Where a data directory is for the processes that are started by `atFixedPlace`. */
export const fixed_data_dir = '/mnt/edgetap';

const script = 'mount -t tmpfs none /mnt && mkdir /mnt/edgetap && mount --bind "$1" /mnt/edgetap && shift && exec "$@"';

/**
 * Starts a program that sees this directory as `fixed_data_dir`, and no other program does: destinations of `file://` buckets are
 * whole paths, and so is what a data directory knows of them. Needs root.
 */
export function atFixedPlace(data_dir: string): readonly string[] {
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', data_dir];
}
