import type { SensorBus } from '../bus/bus.ts';
import { FaultError, faultNamed, raise } from '../model/errors/fault.ts';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';

/** A request without what every one has: version, sensor, epoch and identity. */
export type Question = SensorRequest extends infer Each
  ? Each extends SensorRequest
    ? Omit<Each, 'version' | 'sensor' | 'epoch' | 'sensor_id'>
    : never
  : never;

/** Asks control one thing and gets the answer of that kind. */
export type AskControl = <Kind extends ControlReply['kind']>(
  question: Question,
  kind: Kind,
) => Promise<Extract<ControlReply, { kind: Kind }>>;

/** Who asks. */
export interface Identity {
  readonly sensor: string;
  /** 32 hex characters that stay when it is called otherwise. */
  readonly sensor_id: string;
  readonly colo: string;
  /** New with every start of the process. */
  readonly epoch: string;
}

/** Binds the questions of one sensor to its bus. What control refuses is thrown, with control's own words. */
export function askControl(bus: SensorBus, who: Identity, version: number, timeout_ms: number): AskControl {
  return async (question, kind) => {
    const { sensor, sensor_id, epoch } = who;
    const request: SensorRequest = { ...question, version, sensor, sensor_id, epoch };
    const reply = await bus.request(request, { timeout_ms });
    if (isKind(reply, kind)) return reply;
    if (reply.kind === 'refused') throw new FaultError([faultNamed(reply.fault)]);
    return raise('request_malformed', { reason: `control answered ${reply.kind} where ${kind} was asked for` });
  };
}

function isKind<Kind extends ControlReply['kind']>(
  reply: ControlReply,
  kind: Kind,
): reply is Extract<ControlReply, { kind: Kind }> {
  return reply.kind === kind;
}
