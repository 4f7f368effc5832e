import type { Instruction } from '../program.ts';
import { machine, type Step } from './machine_code.ts';

/** How far a conditional jump reaches. */
const reach_max = 255;

/**
 * Puts steps into a row that runs forward only. Where a conditional jump would have to lead further than it reaches, an unconditional one stands
 * right behind it, for it and for all before it that reach it.
 */
export function layOut(root: Step): readonly Instruction[] {
  const row = new Row();
  for (const step of inOrder(root).toReversed()) row.place(step);
  return row.instructions();
}

/** Built from its end. */
class Row {
  readonly #reversed: Instruction[] = [];
  /** The nearest place from which a step is run, counted from the end of the row. */
  readonly #places = new Map<Step, number>();

  instructions(): readonly Instruction[] {
    return this.#reversed.toReversed();
  }

  place(step: Step): void {
    const { code, k } = step;
    if (step.kind === 'branch') {
      this.#bringNear(step.yes, step.no);
      this.#add(step, { code, k, jt: this.#skip(step.yes), jf: this.#skip(step.no) });
      return;
    }
    if (step.kind === 'plain' && this.#skip(step.next) !== 0) this.#addInstead(step.next);
    this.#add(step, { code, k, jt: 0, jf: 0 });
  }

  /** Instructions between the one that would be added now and a step. */
  #skip(step: Step): number {
    const place = this.#places.get(step);
    if (place === undefined) throw new Error('a step comes before one that leads to it');
    return this.#reversed.length - 1 - place;
  }

  #bringNear(yes: Step, no: Step): void {
    for (;;) {
      const far = [yes, no].find((one) => this.#skip(one) > reach_max);
      if (far === undefined) return;
      this.#addJump(far);
    }
  }

  /** Adds what leads on like a step that is elsewhere: a branch once more, where it reaches, for that is as long as a jump to it. */
  #addInstead(step: Step): void {
    const reaches = step.kind === 'branch' && Math.max(this.#skip(step.yes), this.#skip(step.no)) <= reach_max;
    if (reaches) this.place(step);
    else this.#addJump(step);
  }

  #addJump(to: Step): void {
    const { code, k } = to;
    const jump = to.kind === 'return' ? { code, k } : { code: machine.jump, k: this.#skip(to) };
    this.#add(to, { ...jump, jt: 0, jf: 0 });
  }

  #add(step: Step, instruction: Instruction): void {
    this.#places.set(step, this.#reversed.length);
    this.#reversed.push(instruction);
  }
}

/** Every step behind all that lead to it, the `no` of a branch right behind it where that may be. */
function inOrder(root: Step): readonly Step[] {
  const seen = new Set<Step>([root]);
  const stack: { readonly step: Step; next: number }[] = [{ step: root, next: 0 }];
  const finished: Step[] = [];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { step } = top;
    const leads_to = step.kind === 'branch' ? [step.yes, step.no] : step.kind === 'plain' ? [step.next] : [];
    const next = leads_to[top.next++];
    if (next === undefined) {
      finished.push(step);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ step: next, next: 0 });
    }
  }
  return finished.toReversed();
}
