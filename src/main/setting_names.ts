import { raise } from '../model/errors/fault.ts';
import { serveSettings } from './settings.ts';

/** Names that are not for the server, and no mistake: the command line's, and those of the project's own tools. */
const others = /^EDGETAP_(?:URL|TOKEN|SEED|SOAK|CASE|SETUP_\w+|BENCH_\w+|TEST_\w+)$/;
/** What Kubernetes and Docker set for every service that is called edgetap, or begins so. */
const service_links =
  /^EDGETAP_(?:\w+_)?(?:SERVICE_(?:HOST|PORT)(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)?|ENV_\w+|NAME)$/;

/**
 * Looks for settings in the environment that there are not: whoever has set one has meant something else.
 *
 * @throws FaultError `setting_unknown`
 */
export function checkSettingNames(env: Readonly<Record<string, string | undefined>>): void {
  const known = serveSettings.map(({ name }) => name);
  const unknown = Object.keys(env)
    .filter((name) => name.startsWith('EDGETAP_') && env[name] !== '' && env[name] !== undefined)
    .filter((name) => !known.includes(name) && !others.test(name) && !service_links.test(name))
    .toSorted()[0];
  if (unknown === undefined) return;
  const [near] = known
    .map((name) => ({ name, distance: distance(name, unknown) }))
    .toSorted((one, other) => one.distance - other.distance);
  const meant = near !== undefined && near.distance <= 3 ? `did you mean ${near.name}? ` : '';
  const advice = `${meant === '' ? 'take it out of the environment, or correct it; ' : meant}"edgetap serve --help" lists them all`;
  raise('setting_unknown', { setting: unknown, advice });
}

/** How many characters must be put in, taken out or changed to make one text the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, character] of one.split('').entries()) {
    const next = [at + 1];
    for (const [to, wanted] of other.split('').entries()) {
      const changed = (row[to] ?? 0) + (character === wanted ? 0 : 1);
      next.push(Math.min(changed, (row[to + 1] ?? 0) + 1, (next[to] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
