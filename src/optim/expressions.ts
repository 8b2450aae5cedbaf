// Updates written as scalar expressions: one EWISE instruction reads parameter, gradient and state once and writes parameter and
// state in place. For optimizers that have no instruction of their own.

import { ewise, loadProgram, type Program } from '../ops/raw.ts';
import { add, type Expr, input, mul, neg, param } from '../ops/scalar.ts';
import { recording } from '../runtime/recording.ts';
import { computeTypeOf } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Pair } from './fused.ts';

/** New values of the parameter `p` and of its state, from the gradient `g` and the numbers `h` of the step. */
export type UpdateRule = (p: Expr, g: Expr, state: readonly Expr[], h: readonly Expr[]) => readonly Expr[];

/** What is done to the gradient before the rule sees it. */
export interface GradientForm {
  maximize: boolean;
  /** L2 penalty. */
  weightDecay: number;
}

/** An update rule with `nState` state tensors and `nNumbers` numbers. */
export class FusedRule {
  readonly #name: string;
  readonly #nState: number;
  readonly #nNumbers: number;
  readonly #rule: UpdateRule;
  readonly #programs = new Map<number, Program>();

  constructor(name: string, nState: number, nNumbers: number, rule: UpdateRule) {
    this.#name = name;
    this.#nState = nState;
    this.#nNumbers = nNumbers;
    this.#rule = rule;
  }

  #program({ maximize, weightDecay }: GradientForm): Program {
    const key = Number(maximize) + 2 * Number(weightDecay !== 0);
    let program = this.#programs.get(key);
    if (program === undefined) {
      const p = input(0);
      let g = maximize ? neg(input(1)) : input(1);
      if (weightDecay !== 0) g = add(g, mul(param(0), p));
      const state = Array.from({ length: this.#nState }, (_, i) => input(i + 2));
      const numbers = Array.from({ length: this.#nNumbers }, (_, i) => param(i + 1));
      program = loadProgram(this.#rule(p, g, state, numbers), this.#nState + 2);
      this.#programs.set(key, program);
    }
    return program;
  }

  /** Updates one parameter and its state in place. `numbers` advances the state that is kept on the host, once each step, and gives the step's numbers. */
  run({ param: p, grad }: Pair, state: readonly Tensor[], numbers: () => readonly number[], form: () => GradientForm): void {
    const program = this.#program(form());
    const values = (): number[] => [form().weightDecay, ...numbers()];
    const { constants } = program;
    if (recording !== null)
      recording.rewriting([
        { values, places: constants.flatMap((c, k) => ('param' in c ? [[k - constants.length, c.param] as const] : [])) },
      ]);
    ewise(this.#name, program, [p, ...state], [p, grad, ...state], values(), computeTypeOf[p.dtype]);
    p.storage.version++;
  }
}

/** The running mean m moved towards x: m + (1 - decay)·(x - m). */
export const towards = (m: Expr, x: Expr, weight: Expr): Expr => add(m, mul(weight, add(x, neg(m))));

/** Options of an optimizer whose weight decay may act on the parameter itself. */
interface DecayOptions {
  lr: number;
  maximize: boolean;
  weightDecay: number;
  decoupledWeightDecay: boolean;
}

/** What is done to the gradient: a decoupled decay does not go through it. */
export const formOf = ({ maximize, weightDecay, decoupledWeightDecay }: DecayOptions): GradientForm => ({
  maximize,
  weightDecay: decoupledWeightDecay ? 0 : weightDecay,
});

/** The factor of the parameter under a decoupled decay. */
export const shrinkOf = ({ lr, weightDecay, decoupledWeightDecay }: DecayOptions): number =>
  decoupledWeightDecay ? 1 - lr * weightDecay : 1;
