import type { Command } from 'commander';
import { textTable } from '../cli/text_table.ts';
import { forgetSensor, listedSensors } from '../control/fleet/manage_sensors.ts';
import {
  jsonText,
  onDatabase,
  type OperatorDeps,
  type OperatorOptions,
  timeText,
  withOperatorOptions,
} from './operator_command.ts';

/** Adds `edgetap sensor list|remove`. */
export function registerSensorCommands(program: Command, deps: OperatorDeps): void {
  const sensor = program.command('sensor').description('the sensors that captures ask');

  withOperatorOptions(sensor.command('list').description('list the sensors that are known')).action(
    async (options: OperatorOptions) => {
      const sensors = await onDatabase(options, deps, listedSensors);
      if (options.json) return deps.print(jsonText(sensors));
      const rows = sensors.map((one) => [
        one.name,
        one.colo,
        one.status.replace('_', ' '),
        timeText(one.last_heard),
        one.interfaces.length === 0 ? '-' : one.interfaces.join(','),
        one.sensor_id ?? '-',
      ]);
      deps.print(textTable(['NAME', 'COLO', 'STATUS', 'LAST HEARD', 'INTERFACES', 'ID'], rows));
    },
  );

  withOperatorOptions(
    sensor
      .command('remove <name>')
      .description('forget a sensor that is gone: nothing asks for it, waits for it or names it any more'),
  ).action(async (name: string, options: OperatorOptions) => {
    await onDatabase(options, deps, (db) => forgetSensor(db, name));
    if (options.json) deps.print(jsonText({ name, status: 'removed' }));
    else deps.note(`The sensor ${name} is forgotten. Started again, it is known again.\n`);
  });
}
