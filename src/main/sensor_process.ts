import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { ipcSensorBus } from '../bus/ipc.ts';
import { createCaptureEngine } from '../capture/capture_engine.ts';
import { Spool } from '../capture/spool.ts';
import { alternativeIndex } from '../libpcap/alternative_name.ts';
import { createFilterCompiler } from '../libpcap/compiler_pool.ts';
import { defaultRouteInterface } from '../libpcap/default_route.ts';
import { holdPorts } from '../libpcap/hold_ports.ts';
import { hostAddresses } from '../libpcap/host_addresses.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import { type HostInterface, listInterfaces } from '../libpcap/interfaces.ts';
import { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limits } from '../model/limits.ts';
import { parseEndpointPolicy } from '../model/endpoint_policy.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import { socketAgents } from '../net/socket_agents.ts';
import { systemClock } from '../samples/clock.ts';
import { openSampleStore } from '../samples/open_sample_store.ts';
import { keepSampling } from '../sensor/keep_sampling.ts';
import { createPartSender } from '../sensor/part_sender.ts';
import { startSensor } from '../sensor/sensor.ts';
import { busLink } from './bus_link.ts';
import { childProcess } from './child_process_body.ts';
import { refusedBy, warnBy } from './create_logger.ts';
import { diskBudgets } from './disk_budgets.ts';
import { holdDirectory } from './hold_directory.ts';
import { intakeSocket } from './intake_socket.ts';
import { makeDirectory } from './make_directory.ts';
import { ownPorts } from './own_ports.ts';
import { memoryBudgets, memoryOfHost } from './memory_budgets.ts';
import { sensorIdentity } from './sensor_identity.ts';
import type { SensorSettings } from './settings.ts';
import { wallClock } from './wall_clock.ts';
import { wantedInterfaces } from './wanted_interfaces.ts';

const takeover_ms = 20_000;
const known_ms = 20_000;
/** Uploads come from so many ports, which captures leave out. */
const upload_ports = 32;

childProcess<SensorSettings>('sensor', async ({ settings, logger, crash, toldListeners, listeners, ending }) => {
  const warn = warnBy(logger);
  // From the first moment: what control says before the sensor can answer waits here.
  const link = busLink();
  const directory = join(settings.data_dir, 'sensor');
  makeDirectory(directory);
  // An earlier supervisor's sensor may still be sealing what it has.
  const held = holdDirectory(directory, 'sensor', takeover_ms);
  const identity = await sensorIdentity(directory, (count) => new Uint8Array(randomBytes(count)));
  if (identity.trouble !== undefined) warn(identity.trouble, 'at the start');
  const [spool_directory, samples_directory] = [join(directory, 'spool'), join(directory, 'samples')];
  const budgets = await diskBudgets(spool_directory, samples_directory);
  const { spool, recovered, strays } = await Spool.open(
    spool_directory,
    settings.spool_bytes ?? budgets.spool_bytes,
    settings.limits.spool_share,
  );
  const memory = memoryBudgets(settings.memory_bytes, memoryOfHost());
  const compiler = createFilterCompiler({
    limits: new LimitCounts(settings.limits),
    warn: (unconfined) => warn(unconfined, 'filters'),
  });
  const own = new OwnTrafficBoard();
  const engine = await createCaptureEngine({
    spool,
    memory_bytes: memory.capture_bytes,
    owner_percent: settings.limits.rings_percent,
    own,
  });
  const samples = await openSampleStore({
    directory: samples_directory,
    byte_budget: settings.sample_bytes ?? budgets.sample_bytes,
    budget_pps: settings.sample_pps,
    lookback_limit: settings.limits.lookbacks,
    memory_bytes: memory.sample_bytes,
    clock: systemClock,
    own,
    report: (fault) => warn(fault, 'samples'),
  });
  const policy = parseEndpointPolicy(settings.allow_endpoints);
  if (!policy.ok) throw new FaultError([policy.faults[0] ?? crash('no fault')]);
  makeDirectory(join(settings.data_dir, 'control'));
  const intake = intakeSocket(settings.data_dir);
  const uploads = holdPorts(upload_ports);
  if (uploads === undefined) logger.warn('no ports can be held for uploads: captures have these, too');
  const agents = {
    users: guardedAgents({
      policy: policy.value,
      refused: refusedBy(logger),
      ...(uploads === undefined ? {} : { local_ports: uploads }),
    }),
    own: socketAgents(intake.path),
  };
  const bus = ipcSensorBus(link, settings.sensor);
  const wanted = wantedInterfaces(settings.interfaces, {
    list: listInterfaces,
    defaultRoute: defaultRouteInterface,
    alternative: alternativeIndex,
  });
  const interfaces = (): readonly HostInterface[] => wanted.present().slice(0, limits.interfaces_max);
  const keeper = keepSampling({
    samples,
    rate: settings.sample_rate,
    present: () => wanted.present().map(({ name }) => name),
    isAwaited: (name) => wanted.isAwaited(name),
    awaited: () => wanted.awaited(),
    warn,
  });
  // Nothing is captured before it is known what is edgetap's own.
  await toldListeners;
  const writeOwn = (): boolean => own.write(ownPorts(listeners(), uploads, hostAddresses()));
  writeOwn();
  const lookForOwn = (): void => {
    try {
      writeOwn();
    } catch (error) {
      // No file could be opened, for example: the list from before stays in force.
      if (!(error instanceof FaultError)) throw error;
    }
  };
  const sensor = await startSensor({
    who: { sensor: settings.sensor, sensor_id: identity.sensor_id, colo: settings.colo, epoch: randomUUID() },
    bus,
    engine,
    compiler,
    spool,
    recovered,
    strays,
    samples,
    sender: (ask) =>
      createPartSender({
        ask,
        agentsFor: (signed) => (signed.own ? agents.own : agents.users),
        clock: wallClock,
        random: Math.random,
      }),
    clock: wallClock,
    random: Math.random,
    clockOffset: () => readHostClock().offset,
    interfaces,
    serves_all: settings.interfaces === 'all',
    unsampled: () => keeper.unsampled,
    warn,
    crash,
  });
  const sampling = new AbortController();
  const absent = wanted.missing().map((name) => fault('interface_unknown', { interface: name }));
  for (const one of absent) warn(one, 'at the start');
  await keeper.look();
  const looking = (async (): Promise<void> => {
    while (!sampling.signal.aborted) {
      await wallClock.sleep(1000, sampling.signal);
      lookForOwn();
      if (!sampling.signal.aborted) await keeper.look();
    }
  })();
  looking.catch(crash);
  // Ready is when it can be asked for; without control, it is ready to be found.
  await Promise.race([sensor.known, wallClock.sleep(known_ms, ending)]);

  return {
    details: {
      interfaces: interfaces().map((port) => port.name),
      warnings: [
        ...wanted
          .missing()
          .map(
            (name) =>
              `There is no interface ${name} on this host. It is taken as soon as it is there.${patternNote(name)}`,
          ),
        ...keeper.warnings,
        ...samples.status().interfaces.flatMap(({ interface: name, sampling }) => {
          return sampling?.fault === undefined ? [] : [`${name}: ${sampling.fault.message}`];
        }),
      ],
    },
    shutDown: async (hurry) => {
      sampling.abort();
      await sensor.stop(hurry);
      await Promise.all([engine.close('shutdown'), samples.close(), looking]);
      await compiler.close();
      agents.users.close();
      agents.own.close();
      intake.close();
      uploads?.close();
      held.release();
    },
  };
});

/** A name with such characters may be meant as a pattern. */
function patternNote(name: string): string {
  return /[*?[\]]/.test(name) ? ' Patterns are not known here: it is taken as a name.' : '';
}
