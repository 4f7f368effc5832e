/** Tells whoever waits for a capture to change that it has. What another process changes is not heard of. */
export class CaptureChanges {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Everybody who waits for this capture goes on. */
  tell(capture_id: string): void {
    const waiting = this.#waiting.get(capture_id);
    this.#waiting.delete(capture_id);
    for (const goOn of waiting ?? []) goOn();
  }

  /** Resolves with the next change of a capture; `signal` ends the wait, too. */
  async next(capture_id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((goOn) => {
      const waiting = this.#waiting.get(capture_id) ?? new Set();
      this.#waiting.set(capture_id, waiting.add(goOn));
      signal.addEventListener('abort', () => {
        waiting.delete(goOn);
        if (waiting.size === 0 && this.#waiting.get(capture_id) === waiting) this.#waiting.delete(capture_id);
        goOn();
      });
    });
  }

  /** How many captures are waited for. */
  get size(): number {
    return this.#waiting.size;
  }
}
