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

/** Lets a thread sleep until one of its packet sockets has something, or until another thread wakes it. */
export class Waiter {
  /** Write `wakeBytes` to it to wake the waiter. Good in every thread of the process. */
  readonly wakeDescriptor: number;
  readonly #native: Libpcap;
  /** `struct pollfd` of the wake descriptor, then of the sockets. */
  #polled = nativeBytes(2 * pollfdBytes);
  #view = new DataView(this.#polled.buffer);
  readonly #counter = nativeBytes(8);

  constructor(native: Libpcap = loadLibpcap()) {
    this.#native = native;
    this.wakeDescriptor = checked('eventfd', native.libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }

  /**
   * Sleeps for at most `timeout_ms` until `socket` is readable or has an error, or somebody wakes it (also before the call,
   * once). A signal is a wake, too.
   */
  wait(socket: number, timeout_ms: number): void {
    this.waitAny([socket], timeout_ms);
  }

  /**
   * The same for any number of sockets; -1 stands for none. Without a time (-1) it sleeps until one of them has something. True where
   * somebody woke it; `isReady` then tells of each socket.
   */
  waitAny(sockets: readonly number[], timeout_ms: number): boolean {
    const count = sockets.length + 1;
    while (this.#polled.length < count * pollfdBytes) this.#grow();
    this.#set(0, this.wakeDescriptor);
    for (let index = 1; index < count; index += 1) this.#set(index, sockets[index - 1] ?? -1);
    const ready = this.#native.libc.poll(this.#polled, count, timeout_ms);
    if (ready < 0) {
      // What the kernel would have said of each stays unsaid.
      for (let index = 0; index < count; index += 1) this.#set(index, -1);
      return lastErrno() === EINTR || raiseErrno('poll');
    }
    if (this.#events(0) === 0) return false;
    this.settle();
    return true;
  }

  /** Did the last wait find something on the socket of this number in its list? Whether a packet or an error, reading tells. */
  isReady(index: number): boolean {
    return (index + 2) * pollfdBytes <= this.#polled.length && this.#events(index + 1) !== 0;
  }

  /** Forgets a wake that came before. */
  settle(): void {
    this.#native.libc.read(this.wakeDescriptor, this.#counter, this.#counter.length);
  }

  close(): void {
    this.#native.libc.close(this.wakeDescriptor);
  }

  #set(index: number, descriptor: number): void {
    this.#view.setInt32(index * pollfdBytes, descriptor, true);
    // Clears what was found before, too: the kernel's answer is the upper half.
    this.#view.setInt32(index * pollfdBytes + 4, POLLIN, true);
  }

  #events(index: number): number {
    return this.#view.getInt16(index * pollfdBytes + 6, true);
  }

  #grow(): void {
    this.#polled = nativeBytes(2 * this.#polled.length);
    this.#view = new DataView(this.#polled.buffer);
  }
}
