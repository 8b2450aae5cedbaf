// compile: records a function once per kind of arguments, and runs the recordings.

import { anomalyEnabled } from '../autograd/anomaly.ts';
import { debugEvents } from '../runtime/debug.ts';
import { recording } from '../runtime/recording.ts';
import { start } from '../runtime/runtime.ts';
import { describePlan } from './describe.ts';
import { Plan } from './plan.ts';
import { CompileError } from './recorder.ts';
import { type SavedFunction, saveFunction } from './save.ts';
import { type Trace, trace } from './trace.ts';
import { describe, showSpec } from './values.ts';

export interface CompileOptions {
  /** How many recordings are kept, for different shapes, modes and so on; the one unused for longest goes first. Default 8. */
  maxPlans?: number;
}

/** Recordings that run: a compiled function, or one from a file. */
export interface Recorded<A extends unknown[], R> {
  (...args: A): R;
  /** How often it was recorded, and how often a recording ran. */
  readonly counts: { readonly recorded: number; readonly replayed: number };
  /** What the recordings do, instruction by instruction. */
  plan(): string;
  toString(): string;
}

/** A compiled function. Call it like the function itself. */
export interface Compiled<A extends unknown[], R> extends Recorded<A, R> {
  /** The function that was compiled. */
  readonly original: (...args: A) => R;
  /** Forgets all recordings and gives their memory back. */
  reset(): void;
}

const plansOf = new WeakMap<object, () => readonly Plan[]>();

/** The recordings of a compiled function as plain data, for files. CompileError for those that cannot be saved. */
export function saveRecordings(f: Recorded<never, unknown>): SavedFunction {
  const plans = plansOf.get(f);
  if (plans === undefined) throw new CompileError('saving: this is no compiled function; pass what compile() gave');
  return saveFunction(plans());
}

/** A function of recordings that `load` gives; `what` names it in errors. */
export function fromRecordings(traces: readonly Trace[], what: string): Recorded<unknown[], unknown> {
  const plans = traces.map((t) => new Plan(t));
  let replayed = 0;
  const call = (...args: unknown[]): unknown => {
    const plan = plans.find((p) => p.accepts(args));
    if (plan === undefined) {
      const found = args.map((a) => showSpec(describe(a, []))).join(', ');
      throw new CompileError(
        `${what} was called with (${found}), but holds recordings for ${plans.map((p) => `(${p.trace.args.map(showSpec).join(', ')})`).join(' and ')}; call it with one of these, or compile and save the function for others too`,
      );
    }
    replayed++;
    return plan.run();
  };
  return dressed(call, plans, () => ({ recorded: plans.length, replayed }));
}

/** Puts what all compiled functions have on a function. */
function dressed<A extends unknown[], R>(
  call: (...args: A) => R,
  plans: readonly Plan[] | (() => readonly Plan[]),
  counts: () => Recorded<A, R>['counts'],
): Recorded<A, R> {
  const list = typeof plans === 'function' ? plans : () => plans;
  const text = (): string => list().map(describePlan).join('\n\n');
  Object.defineProperty(call, 'counts', { get: counts });
  plansOf.set(call, list);
  return Object.assign(call as Recorded<A, R>, { plan: text, toString: text });
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
    const made = trace(this.#fn, args, (s) => this.#plans.some((p) => p.bufferOf(s) !== undefined));
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
  const made = dressed(
    call,
    () => cache.plans,
    () => ({ recorded: cache.recorded, replayed: cache.replayed }),
  );
  return Object.assign(made, { original: fn, reset: () => cache.reset() });
}
