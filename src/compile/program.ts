// Scalar programs under construction: the steps of several instructions as one list of values, each computed once, and back to the words that
// EWISE and REDUCE run (docs/instruction-set.md).

const INPUT = -1;
const CONSTANT = -2;
const BINARY = 64;
const TERNARY = 128;
const NOT_EQUAL = 85;
/** Operations that give 0 or 1: their values survive being stored as bool. */
const truths = new Set([52, 53, 54, 55, 56, 60, 84, 85, 86, 87, 88, 89, 94, 95, 96]);

/** What the kernels can hold (kernels/program.h). */
export const programLimits = { steps: 512, registers: 256, operands: 64 } as const;

const arity = (op: number): number => (op >= TERNARY ? 3 : op >= BINARY ? 2 : 1);

/** A program as instructions want it. */
export interface Emitted {
  readonly words: number[];
  readonly constants: number[];
  /** Inputs that are read, in the order of their registers. */
  readonly inputs: number[];
}

/** A list of values. Values are numbers: earlier ones never depend on later ones. */
export class Values {
  readonly #op: number[] = [];
  readonly #args: (readonly number[])[] = [];
  readonly #value: number[] = [];
  readonly #known = new Map<string, number>();
  steps = 0;
  constants = 0;

  get size(): number {
    return this.#op.length;
  }

  #add(key: string, op: number, args: readonly number[], value: number): number {
    let id = this.#known.get(key);
    if (id === undefined) {
      id = this.#op.push(op) - 1;
      this.#args.push(args);
      this.#value.push(value);
      this.#known.set(key, id);
      if (op >= 0) this.steps++;
      if (op === CONSTANT) this.constants++;
    }
    return id;
  }

  /** The value of input `k`. */
  input(k: number): number {
    return this.#add(`i${k}`, INPUT, [], k);
  }

  constant(v: number): number {
    return this.#add(Object.is(v, -0) ? 'c-0' : `c${v}`, CONSTANT, [], v);
  }

  step(op: number, args: readonly number[]): number {
    return this.#add(`${op}:${args}`, op, args, 0);
  }

  /** The value as a bool: 0 or 1. */
  truth(id: number): number {
    return truths.has(this.#op[id]) ? id : this.step(NOT_EQUAL, [id, this.constant(0)]);
  }

  /** Appends a stored program; gives the values of its results. */
  append(words: ArrayLike<number>, nOut: number, inputs: readonly number[], constants: readonly number[]): number[] {
    const registers: number[] = [...inputs, ...constants.map((c) => this.constant(c))];
    const at = 2 + nOut;
    for (let k = 0; k < words[0]; k++) {
      const s = at + 5 * k;
      const n = arity(words[s]);
      const args: number[] = [];
      for (let i = 0; i < n; i++) args.push(registers[words[s + 2 + i]]);
      registers[words[s + 1]] = this.step(words[s], args);
    }
    return Array.from({ length: nOut }, (_, k) => registers[words[2 + k]]);
  }

  /** Values that `roots` need, those in `given` (which need nothing more) included, in order. */
  #needed(roots: readonly number[], given: ReadonlySet<number>): number[] {
    const seen = new Set<number>();
    const stack = [...roots];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      if (!given.has(id)) stack.push(...this.#args[id]);
    }
    return [...seen].sort((a, b) => a - b);
  }

  /** How many steps `roots` need when the values in `given` are there. */
  cost(roots: readonly number[], given: ReadonlySet<number>): number {
    return this.#needed(roots, given).filter((id) => this.#op[id] >= 0 && !given.has(id)).length;
  }

  /**
   * The program of `roots`. Inputs are numbered anew in `inputs`: as the k-th input, or -1 - value for one of `given` that is read in place of
   * being computed. null when the kernels cannot hold it.
   */
  emit(roots: readonly number[], given: ReadonlySet<number> = new Set()): Emitted | null {
    const needed = this.#needed(roots, given);
    const register = new Map<number, number>();
    const inputs: number[] = [];
    const constants: number[] = [];
    for (const id of needed) {
      if (given.has(id)) register.set(id, inputs.push(-1 - id) - 1);
      else if (this.#op[id] === INPUT) register.set(id, inputs.push(this.#value[id]) - 1);
    }
    for (const id of needed)
      if (this.#op[id] === CONSTANT && !given.has(id)) register.set(id, inputs.length + constants.push(this.#value[id]) - 1);
    const steps = needed.filter((id) => this.#op[id] >= 0 && !given.has(id));
    const last = new Map<number, number>();
    steps.forEach((id, k) => {
      for (const a of this.#args[id]) last.set(a, k);
    });
    for (const r of roots) last.set(r, Number.POSITIVE_INFINITY);
    const free: number[] = [];
    const first = inputs.length + constants.length;
    let next = first;
    const code: number[] = [];
    steps.forEach((id, k) => {
      const args = this.#args[id].map((a) => register.get(a) as number);
      for (const a of new Set(this.#args[id])) {
        const r = register.get(a) as number;
        if (r >= first && last.get(a) === k) free.push(r);
      }
      const dst = free.pop() ?? next++;
      register.set(id, dst);
      code.push(this.#op[id], dst, args[0], args[1] ?? 0, args[2] ?? 0);
    });
    if (steps.length > programLimits.steps || next > programLimits.registers || inputs.length + roots.length > programLimits.operands)
      return null;
    return { words: [steps.length, next, ...roots.map((r) => register.get(r) as number), ...code], constants, inputs };
  }
}

/** Throws with `fail` unless the words are a program for that many operands that the kernels can run. */
export function checkProgram(
  words: ArrayLike<number>,
  inputs: number,
  outputs: number,
  constants: number,
  known: ReadonlySet<number>,
  fail: (what: string) => never,
): void {
  const int = (k: number, least: number, most: number): number => {
    const v = words[k];
    if (!(Number.isInteger(v) && v >= least && v <= most)) fail(`word ${k} of a program is ${v}; ${least} to ${most} was expected`);
    return v;
  };
  if (words.length < 2 + outputs) fail('a program is cut short');
  const steps = int(0, 0, programLimits.steps);
  const registers = int(1, inputs + constants, programLimits.registers);
  if (words.length !== 2 + outputs + 5 * steps) fail(`a program of ${steps} steps has ${words.length} words`);
  const written = new Uint8Array(registers).fill(1, 0, inputs + constants);
  for (let k = 0; k < steps; k++) {
    const s = 2 + outputs + 5 * k;
    if (!known.has(words[s])) fail(`a program uses the unknown operation ${words[s]}`);
    const n = arity(words[s]);
    for (let i = 0; i < 3; i++) {
      const r = int(s + 2 + i, 0, Math.max(registers - 1, 0));
      if (i < n && written[r] === 0) fail('a program reads a register before it is written');
    }
    written[int(s + 1, inputs + constants, registers - 1)] = 1;
  }
  for (let k = 0; k < outputs; k++) if (written[int(2 + k, 0, registers - 1)] === 0) fail('a result of a program is never written');
}
