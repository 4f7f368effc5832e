import { codes } from '../program.ts';

/**
 * An instruction and those that it leads to. What follows an instruction depends on the machine's registers alone, so two that are the same and lead
 * to the same are one.
 */
export type Step = { readonly id: number; readonly code: number; readonly k: number } & (
  | { readonly kind: 'plain'; readonly next: Step }
  | { readonly kind: 'branch'; readonly yes: Step; readonly no: Step }
  | { readonly kind: 'return' }
);

/** Makes steps, each only once. */
export class StepPool {
  readonly #made = new Map<string, Step>();

  result(code: number, k: number): Step {
    const key = `r${code} ${k}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'return', code, k });
  }

  plain(code: number, k: number, next: Step): Step {
    const key = `p${code} ${k} ${next.id}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'plain', code, k, next });
  }

  branch(code: number, k: number, yes: Step, no: Step): Step {
    if (yes === no) return yes;
    const key = `b${code} ${k} ${yes.id} ${no.id}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'branch', code, k, yes, no });
  }

  #add(key: string, made: DistributiveOmit<Step, 'id'>): Step {
    const step: Step = { ...made, id: this.#made.size };
    this.#made.set(key, step);
    return step;
  }
}

type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

export const machine = {
  ...codes,
  load_constant: 0x00,
  load_scratch: 0x60,
  load_length: 0x80,
  load_x_constant: 0x01,
  load_x_scratch: 0x61,
  load_x_length: 0x81,
  store: 0x02,
  store_x: 0x03,
  a_to_x: 0x07,
  x_to_a: 0x87,
  return_a: 0x16,
  /** Added to the code of an operation or a comparison whose operand is x, not a constant. */
  by_x: 0x08,
  jump_if_set: 0x45,
} as const;
