/** One end of a pipe between processes that carries structured values, in order, until it closes. */
export interface Link {
  /** Resolves when the value has left this process, rejects when the pipe is closed. */
  send(value: unknown): Promise<void>;
  onMessage(listener: (value: unknown) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}
