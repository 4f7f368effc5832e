import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { checkMessage } from '../wire/check_message.ts';
import { lenientRequest } from '../wire/lenient_request.ts';
import type { EstimateReply, LookbackReply } from '../wire/control_messages.ts';
import { wireVersion } from '../wire/version.ts';
import { controlAddress, sensorAddress } from './address.ts';
import type { ControlBus, SensorBus } from './bus.ts';
import { type Conversation, converse } from './conversation.ts';
import type { Link } from './link.ts';

/** A refusal in the place of an answer. What is no fault of the catalogue is told in its own words: there is no log that has more. */
function refusal(error: unknown): { kind: 'refused'; fault: { name: string; code: number; message: string } } {
  const reason = error instanceof Error ? error.message : String(error);
  const first = error instanceof FaultError ? error.faults[0] : fault('bus_answer_failed', { reason });
  return { kind: 'refused', fault: { name: first.name, code: first.code, message: first.message } };
}

/** Who says that, as far as it can be read. */
function senderOf(body: unknown): string {
  const name = typeof body === 'object' && body !== null && 'sensor' in body ? body.sensor : undefined;
  return typeof name === 'string' ? name.slice(0, 64) : 'somebody';
}

/** The bus of one machine, control's end: questions and answers over a supervisor's relay. */
export function ipcControlBus(link: Link): ControlBus {
  const talk: Conversation = converse(link, controlAddress);
  return {
    serve: (handler, malformed = () => undefined) => {
      talk.onAsk(async function* (body) {
        try {
          const sensor = senderOf(body);
          const request = checkMessage('SensorRequest', body)
            ? body
            : lenientRequest(body, (what) => malformed(sensor, what));
          if (request === undefined) {
            malformed(sensor, 'itself');
            raise('request_malformed', { reason: 'not a message of the bus' });
          }
          yield await handler(request);
        } catch (error) {
          yield refusal(error);
        }
      });
    },
    nudge: (sensor, generation) =>
      talk.tell(sensorAddress(sensor), { kind: 'nudge', version: wireVersion, generation }),
    async *lookback(sensor, request, options) {
      for await (const body of talk.ask(sensorAddress(sensor), request, options)) {
        if (!checkMessage('LookbackReply', body)) raise('request_malformed', { reason: `an answer of ${sensor}` });
        yield body;
        if (body.kind !== 'records') return;
      }
      raise('bus_closed', { peer: sensor });
    },
    estimate: async (sensor, order, options) => {
      for await (const body of talk.ask(sensorAddress(sensor), order, options)) {
        if (!checkMessage('EstimateReply', body)) raise('request_malformed', { reason: `an answer of ${sensor}` });
        return body;
      }
      return raise('bus_closed', { peer: sensor });
    },
    close: async () => talk.close(),
  };
}

/** The bus of one machine, a sensor's end. */
export function ipcSensorBus(link: Link, sensor: string): SensorBus {
  const talk: Conversation = converse(link, sensorAddress(sensor));
  return {
    serve: (handlers) => {
      talk.onTell((body) => {
        if (checkMessage('ControlRequest', body) && body.kind === 'nudge') handlers.nudge(body.generation);
      });
      talk.onAsk(async function* (body, _from, signal): AsyncGenerator<LookbackReply | EstimateReply, void, void> {
        try {
          if (!checkMessage('ControlRequest', body) || body.kind === 'nudge') {
            raise('request_malformed', { reason: 'not a message of the bus' });
          }
          if (body.kind === 'estimate') yield await handlers.estimate(body, signal);
          else yield* handlers.lookback(body, signal);
        } catch (error) {
          yield refusal(error);
        }
      });
    },
    request: async (message, options) => {
      for await (const body of talk.ask(controlAddress, message, options)) {
        if (!checkMessage('ControlReply', body)) raise('request_malformed', { reason: 'an answer of control' });
        return body;
      }
      return raise('bus_closed', { peer: 'control' });
    },
    closed: talk.closed,
    close: async () => talk.close(),
  };
}
