import type { InterfaceCoverage } from '../../wire/control_messages.ts';

/** An interface's name; with the link type where its samples are of more than one, as after a change of its kind. */
export function shareName(all: readonly InterfaceCoverage[], one: InterfaceCoverage): string {
  const several = all.filter((other) => other.interface === one.interface).length > 1;
  return several ? `${one.interface} (link type ${one.linktype ?? 'unknown'})` : one.interface;
}
