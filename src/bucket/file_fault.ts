import { FaultError, fault } from '../model/errors/fault.ts';
import { codeOf } from './open_beneath.ts';

/** Makes a fault of the catalogue out of a failed system call on a file bucket. */
export function fileFault(error: unknown, destination: string, allowed: readonly string[]): FaultError {
  if (error instanceof FaultError) return error;
  const code = codeOf(error);
  switch (code) {
    case 'ENOTDIR':
    case 'ELOOP':
    case 'EMLINK':
      return new FaultError([fault('bucket_directory_refused', { allowed: allowed.join(', ') })]);
    case 'ENOENT':
      return new FaultError([fault('bucket_missing', { destination })]);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FaultError([fault('bucket_denied', { destination, code })]);
    case 'ETIMEDOUT': {
      const reason = 'its file system does not answer';
      return new FaultError([fault('bucket_unreachable', { destination, reason })], { cause: error });
    }
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EMFILE':
    case 'ENFILE':
    case 'EIO':
      return new FaultError([fault('bucket_unreachable', { destination, reason: code })], { cause: error });
    default: {
      const reason = code === '' ? 'an unexpected error' : code;
      return new FaultError([fault('bucket_refused', { destination, reason })], { cause: error });
    }
  }
}
