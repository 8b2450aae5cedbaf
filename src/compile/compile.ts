// compile: records a function once per kind of arguments, and runs the recordings.

import { anomalyEnabled } from '../autograd/anomaly.ts';
import { debugEvents } from '../runtime/debug.ts';
import { recording } from '../runtime/recording.ts';
import { start } from '../runtime/runtime.ts';
import { describePlan } from './describe.ts';
import { Plan } from './plan.ts';
import { trace } from './trace.ts';

export interface CompileOptions {
  /** How many recordings are kept, for different shapes, modes and so on; the one unused for longest goes first. Default 8. */
  maxPlans?: number;
}

/** A compiled function. Call it like the function itself. */
export interface Compiled<A extends unknown[], R> {
  (...args: A): R;
  /** The function that was compiled. */
  readonly original: (...args: A) => R;
  /** How often it was recorded, and how often a recording ran. */
  readonly counts: { readonly recorded: number; readonly replayed: number };
  /** What the recordings do, instruction by instruction. */
  plan(): string;
  toString(): string;
  /** Forgets all recordings and gives their memory back. */
  reset(): void;
}

class Cache<A extends unknown[], R> {
  readonly #fn: (...args: A) => R;
  readonly #max: number;
  /** The last used first. */
  #plans: Plan[] = [];
  recorded = 0;
  replayed = 0;

  constructor(fn: (...args: A) => R, max: number) {
    this.#fn = fn;
    this.#max = max;
  }

  get plans(): readonly Plan[] {
    return this.#plans;
  }

  call(args: A): R {
    // inside another recording, and where every value is looked at, the function runs as it is
    if (recording !== null || anomalyEnabled()) return this.#fn(...args);
    for (let k = 0; k < this.#plans.length; k++) {
      const plan = this.#plans[k];
      if (!plan.accepts(args)) continue;
      if (k > 0) {
        this.#plans.splice(k, 1);
        this.#plans.unshift(plan);
      }
      this.replayed++;
      return plan.run() as R;
    }
    start();
    const made = trace(this.#fn, args);
    this.recorded++;
    if (made.trace.spent === null) {
      const plan = new Plan(made.trace);
      this.#plans.unshift(plan);
      debugEvents?.note(2, 'compile', describePlan(plan));
      if (this.#plans.length > this.#max) this.#plans.pop()?.release();
    }
    return made.result;
  }

  reset(): void {
    for (const p of this.#plans.splice(0)) p.release();
  }
}

/**
 * Records what `fn` does when it is first called and runs the recording afterwards, in one call of the kernels: with fused instructions, planned
 * memory and no JavaScript between them. It is recorded again when shapes, dtypes, modes, plain arguments or the modules' mode change. What
 * `fn` does in JavaScript alone (printing, counting, branching on numbers) happens while recording only. Random numbers, optimizers and gradients go on
 * as they do without. CompileError when `fn` needs values of tensors on the host.
 */
export function compile<A extends unknown[], R>(fn: (...args: A) => R, { maxPlans = 8 }: CompileOptions = {}): Compiled<A, R> {
  const cache = new Cache(fn, Math.max(1, maxPlans));
  const call = (...args: A): R => cache.call(args);
  const text = (): string => cache.plans.map(describePlan).join('\n\n');
  Object.defineProperty(call, 'counts', { get: () => ({ recorded: cache.recorded, replayed: cache.replayed }) });
  return Object.assign(call as Compiled<A, R>, { original: fn, plan: text, toString: text, reset: () => cache.reset() });
}
