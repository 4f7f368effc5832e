import { FaultError } from '../model/errors/fault.ts';
import { hostFiles, type InterfaceFiles } from './interfaces.ts';

/**
 * Bytes that each interface of this host has received and sent since it exists, by name (proc(5), /proc/net/dev). A figure that is only
 * worth knowing: empty where it cannot be read.
 */
export function interfaceBytes(files: Pick<InterfaceFiles, 'read'> = hostFiles): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const line of readLeniently(files).split('\n')) {
    // A name may have any character in it but a blank and a slash, so a colon too: the last one before the numbers ends it.
    const found = /^\s*(\S+):\s*(\d+)((?:\s+\d+){15,})\s*$/.exec(line);
    if (found === null) continue;
    const [, name = '', received, more = ''] = found;
    const sent = more.trim().split(/\s+/)[7];
    bytes.set(name, Number(received) + Number(sent));
  }
  return bytes;
}

function readLeniently(files: Pick<InterfaceFiles, 'read'>): string {
  try {
    return files.read('/proc/net/dev') ?? '';
  } catch (error) {
    if (error instanceof FaultError) return '';
    throw error;
  }
}
