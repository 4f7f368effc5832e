import type { Ownership } from '../../model/ownership.ts';
import { formatTime } from '../../model/time.ts';
import type { OwnershipResponse } from './ownership_schemas.ts';

/** A bucket of an account as the API returns it; `validated` is left out until it is. */
export function ownershipJson(ownership: Ownership): OwnershipResponse {
  const { id, destination_conf, filename, status, submitted, validated } = ownership;
  return {
    id,
    destination_conf,
    filename,
    status,
    submitted: formatTime(submitted),
    ...(validated === undefined ? {} : { validated: formatTime(validated) }),
  };
}
