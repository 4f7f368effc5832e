import type { Fault } from '../model/errors/fault.ts';
import { CaptureControl } from './capture_control.ts';
import type { CaptureThread } from './capture_thread.ts';
import type { FromRing, ToRing } from './worker_messages.ts';

/** Who has a seat hears what its ring says, and of its thread's death: nothing comes after that. */
export interface RingListener {
  message(message: FromRing): void;
  died(fault: Fault): void;
}

/** A ring's place in a capture thread: for one ring, from its opening until nothing of it is left. */
export class RingSeat {
  readonly control: CaptureControl = new CaptureControl();
  listener: RingListener | undefined;
  readonly thread: CaptureThread;
  readonly #send: (message: ToRing) => void;
  readonly #left: () => void;

  /** Made by a `CaptureThread`, which is to hear when it is left. */
  constructor(of: { readonly thread: CaptureThread; send(message: ToRing): void; left(): void }) {
    this.thread = of.thread;
    this.#send = (message) => of.send(message);
    this.#left = () => of.left();
  }

  send(message: ToRing): void {
    this.#send(message);
  }

  /** Makes the thread look at the control, if it sleeps. */
  wake(): void {
    this.thread.wake();
  }

  /** Its ring is gone, or the thread is. */
  leave(): void {
    this.listener = undefined;
    this.#left();
  }
}
