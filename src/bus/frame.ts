/** The envelope of one message between two processes joined by a supervisor. */
export interface Frame {
  readonly edgetap: 'bus';
  /** `control`, or a sensor's name. */
  readonly to: string;
  readonly from: string;
  /** Joins a question with its answers; chosen by who asks. */
  readonly id: number;
  /** `ask` has one or many `answer`s and a last `end`; `cancel` gives it up; `tell` has none; `absent` says nobody is there. */
  readonly type: 'ask' | 'answer' | 'end' | 'cancel' | 'tell' | 'absent';
  readonly body?: unknown;
}

/** Is this value a frame of the bus? */
export function isFrame(value: unknown): value is Frame {
  if (typeof value !== 'object' || value === null || !('edgetap' in value) || value.edgetap !== 'bus') return false;
  return (
    'to' in value &&
    typeof value.to === 'string' &&
    'from' in value &&
    typeof value.from === 'string' &&
    'id' in value &&
    typeof value.id === 'number' &&
    'type' in value &&
    typeof value.type === 'string'
  );
}
