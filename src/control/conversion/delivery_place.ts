import { type Destination, parseDestination } from '../../model/destination.ts';

/** What a destination shares with others that are as slow or silent as it is: its endpoint, its bucket, or its directory. */
export function deliveryPlace(destination_conf: string): string {
  const parsed = parseDestination(destination_conf, '');
  return parsed.ok ? placeOf(parsed.value.destination) : destination_conf;
}

function placeOf(destination: Destination): string {
  if (destination.scheme === 'file') return `file://${destination.directory}`;
  return destination.endpoint ?? `${destination.scheme}://${destination.bucket}`;
}
