import { type Libpcap, loadLibpcap } from './binding.ts';
import { lastErrno, nativeBytes } from './native_bytes.ts';
import { checked, raiseErrno } from './native_fault.ts';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const POLLIN = 1;
const EINTR = 4;
const pollfdBytes = 8;

/** The eight bytes that wake the waiter when they are written to its descriptor (eventfd(2)), by any thread. */
export const wakeBytes: Uint8Array = new Uint8Array(BigUint64Array.of(1n).buffer);

/** Lets a thread sleep until a packet socket has something, or until another thread wakes it. */
export class Waiter {
  /** Write `wakeBytes` to it to wake the waiter. Good in every thread of the process. */
  readonly wakeDescriptor: number;
  readonly #native: Libpcap;
  readonly #polled = nativeBytes(2 * pollfdBytes);
  readonly #view = new DataView(this.#polled.buffer);
  readonly #counter = nativeBytes(8);

  constructor(native: Libpcap = loadLibpcap()) {
    this.#native = native;
    this.wakeDescriptor = checked('eventfd', native.libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    this.#view.setInt32(pollfdBytes, this.wakeDescriptor, true);
    this.#view.setInt16(pollfdBytes + 4, POLLIN, true);
  }

  /**
   * Sleeps for at most `timeout_ms` until `socket` is readable or has an error, or somebody wakes it (also before the call,
   * once). A signal is a wake, too.
   */
  wait(socket: number, timeout_ms: number): void {
    this.#view.setInt32(0, socket, true);
    this.#view.setInt16(4, POLLIN, true);
    const ready = this.#native.libc.poll(this.#polled, 2, timeout_ms);
    if (ready < 0 && lastErrno() !== EINTR) raiseErrno('poll');
    if (ready > 0 && this.#view.getInt16(pollfdBytes + 6, true) !== 0) this.settle();
  }

  /** Forgets a wake that came before. */
  settle(): void {
    this.#native.libc.read(this.wakeDescriptor, this.#counter, this.#counter.length);
  }

  close(): void {
    this.#native.libc.close(this.wakeDescriptor);
  }
}
