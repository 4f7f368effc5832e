import type { EstimateOrder, EstimateReply, LookbackReply, LookbackRequest } from '../wire/control_messages.ts';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';

/** How long a request waits, and what gives it up early. */
export interface AskOptions {
  readonly timeout_ms: number;
  readonly signal?: AbortSignal;
}

/** Control's end of the bus. Delivery is at most once: truth never depends on it. */
export interface ControlBus {
  /**
   * Answers sensors' requests. A rejection is answered as `refused`. Call once. Reports in a request are as they came, each to be checked; of what
   * else is not as it should be `malformed` hears, and the request comes without it, or not at all.
   */
  serve(
    handler: (request: SensorRequest) => Promise<ControlReply>,
    malformed?: (sensor: string, what: string) => void,
  ): void;
  /** Tells a sensor that its desired work is of this generation; may be lost. */
  nudge(sensor: string, generation: bigint): void;
  /**
   * Asks one sensor for its samples. Ends after `end` or `refused`.
   * Throws `bus_timeout` when the sensor is silent for `timeout_ms`, `bus_closed` when it is not there.
   */
  lookback(sensor: string, request: LookbackRequest, options: AskOptions): AsyncIterable<LookbackReply>;
  /**
   * Asks one sensor for counts of its samples. One question, one answer; a `refused` one is returned, not thrown.
   * Throws `bus_timeout` when there is none after `timeout_ms`, `bus_closed` when the sensor is not there or the signal fires.
   */
  estimate(sensor: string, order: EstimateOrder, options: AskOptions): Promise<EstimateReply>;
  close(): Promise<void>;
}

/** What a sensor does with what control says. */
export interface SensorHandlers {
  nudge(generation: bigint): void;
  /**
   * Answers a look-back; the signal fires when the asker is gone. One reply leaves while the next is made: by the time that the next but one is
   * asked for, its bytes are not needed any more.
   */
  lookback(request: LookbackRequest, signal: AbortSignal): AsyncIterable<LookbackReply>;
  /** Counts samples; the signal fires likewise. */
  estimate(order: EstimateOrder, signal: AbortSignal): Promise<EstimateReply>;
}

/** A sensor's end of the bus. */
export interface SensorBus {
  serve(handlers: SensorHandlers): void;
  /** One request, one reply. Throws `bus_timeout`, `bus_closed`; a `refused` reply is returned, not thrown. */
  request(message: SensorRequest, options: AskOptions): Promise<ControlReply>;
  /** Resolves when the bus is gone for good. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}
