/** Whom a message between two processes of one machine is for, and what it is. */
export interface FrameHead {
  /** The address of control or of a sensor: see `address.ts`. */
  readonly to: string;
  readonly from: string;
  /** Joins a question with its answers; chosen by who asks, and no other process ever chooses the same. Empty where nothing is asked. */
  readonly id: string;
  /** `ask` has one or many `answer`s and a last `end`; `cancel` gives it up; `tell` has none; `absent` says nobody is there. */
  readonly type: (typeof frameTypes)[number];
}

/** A message on its way: whoever passes it on reads the head alone. */
export interface Frame {
  readonly head: FrameHead;
  /** What `encodeBody` gave, in pieces; nothing where there is nothing to say. */
  readonly body: readonly Uint8Array[];
}

/** All types. */
export const frameTypes = ['ask', 'answer', 'end', 'cancel', 'tell', 'absent'] as const;
