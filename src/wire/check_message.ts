import { Compile } from 'typebox/compile';
import { ControlRequest, EstimateReply, LookbackReply } from './control_messages.ts';
import { ControlReply, SensorRequest } from './sensor_messages.ts';

const checks = {
  SensorRequest: Compile(SensorRequest),
  ControlReply: Compile(ControlReply),
  ControlRequest: Compile(ControlRequest),
  LookbackReply: Compile(LookbackReply),
  EstimateReply: Compile(EstimateReply),
};

/** The bus messages by the name of their union. */
export interface Messages {
  SensorRequest: SensorRequest;
  ControlReply: ControlReply;
  ControlRequest: ControlRequest;
  LookbackReply: LookbackReply;
  EstimateReply: EstimateReply;
}

/** Is this value, fresh from another process, a message of that union? Undefined fields are taken as left out. */
export function checkMessage<Name extends keyof Messages>(name: Name, value: unknown): value is Messages[Name] {
  return checks[name].Check(value);
}
