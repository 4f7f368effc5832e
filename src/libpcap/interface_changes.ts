import type { HostInterface } from './interfaces.ts';

/** What happened to an interface between two looks. */
export interface InterfaceChange {
  readonly kind: 'added' | 'removed' | 'renamed' | 'down' | 'up';
  /** As it is now; of a removed one, as it was. */
  readonly interface: HostInterface;
  /** Of a renamed one. */
  readonly previous_name?: string;
}

/** The differences of two lists of interfaces. They are told apart by their numbers: names may change, and be given anew. */
export function interfaceChanges(
  before: readonly HostInterface[],
  after: readonly HostInterface[],
): readonly InterfaceChange[] {
  const old = new Map(before.map((one) => [one.ifindex, one]));
  const changes: InterfaceChange[] = [];
  for (const one of after) {
    const was = old.get(one.ifindex);
    old.delete(one.ifindex);
    if (was === undefined) {
      changes.push({ kind: 'added', interface: one });
      continue;
    }
    if (was.name !== one.name) changes.push({ kind: 'renamed', interface: one, previous_name: was.name });
    if (was.up !== one.up) changes.push({ kind: one.up ? 'up' : 'down', interface: one });
  }
  for (const gone of old.values()) changes.push({ kind: 'removed', interface: gone });
  return changes;
}
