import type { ReadyDetails } from './child_messages.ts';
import type { ServeSettings } from './settings.ts';

/**
 * The first screen: where edgetap is, as whom to ask it, and a first capture; or what does not work.
 *
 * @param troubles what does not work by now, as `/readyz` has it
 */
export function welcome(
  settings: ServeSettings,
  control: ReadyDetails,
  sensor: ReadyDetails,
  troubles: readonly string[],
): string {
  const { url = '', account_id = '', token, given } = control;
  const interfaces = sensor.interfaces ?? [];
  const secret = token ?? (given === undefined ? undefined : `$${given}`);
  const warnings = [...(control.warnings ?? []), ...(sensor.warnings ?? [])];
  // With the sensor's name before it.
  const others = troubles.filter((text) => !warnings.some((one) => text.endsWith(one)));
  const works = troubles.length === 0 && (sensor.warnings ?? []).length === 0;
  const lines = [
    '',
    works ? 'edgetap is running.' : 'edgetap is running, but not all of it works: see "!" below.',
    '',
    `  URL      ${url}/client/v4     documentation: ${url}/docs`,
    `  Account  ${account_id}`,
    `  Token    ${tokenText(given, token)}`,
    `  Sensor   ${settings.sensor} in ${settings.colo}, on ${interfaces.length === 0 ? 'no interface' : interfaces.join(', ')}`,
    '',
    'The packets of the last minute, as a file for Wireshark:',
    '',
    `  export EDGETAP_URL=${url} EDGETAP_TOKEN=${secret ?? '<token>'}`,
    '  ./bin/edgetap capture simple --time 60s --packets 1000 --wait -o last-minute.pcap',
    '',
    ...[...warnings, ...others].map((text) => `  ! ${text}`),
  ];
  return `${lines.join('\n')}\n`;
}

function tokenText(given: string | undefined, made: string | undefined): string {
  if (made !== undefined) return `${made}     (shown this once: keep it)`;
  if (given !== undefined) return `the one in ${given}`;
  return 'the one that was made at the first start ("edgetap token create" makes another)';
}
