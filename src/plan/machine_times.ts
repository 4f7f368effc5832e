import { limits } from '../model/limits.ts';

/** The times that the status machine goes by. */
export interface MachineTimes {
  /** Nothing armed by then: failed. */
  readonly arm_timeout_s: number;
  /** No sensor of a capture heard of for so long: unknown. */
  readonly unknown_after_s: number;
  /** Stopped before anything armed: how long a sensor that is not heard of is asked whether it had. */
  readonly stop_wait_s: number;
  /** How long after the end of capturing parts are awaited before the rest goes on. */
  readonly conversion_wait_s: number;
  /** How long after the end of capturing a capture is given up for good. */
  readonly expiry_s: number;
}

/** The times of the contract. */
export const machineTimes: MachineTimes = {
  arm_timeout_s: limits.arm_timeout_s,
  unknown_after_s: limits.unknown_after_s,
  stop_wait_s: 10,
  conversion_wait_s: limits.conversion_wait_s,
  expiry_s: limits.upload_expiry_s,
};
