import type { Frame } from './frame.ts';

/** One end of a pipe between processes that carries frames, in order, until it closes. */
export interface Link {
  /** Resolves when the frame has left this process, rejects when the pipe is closed. Its bytes must not change before. */
  send(frame: Frame): Promise<void>;
  onFrame(listener: (frame: Frame) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}
