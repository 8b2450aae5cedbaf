// RMSprop: steps divided by the root of a running mean of squared gradients.

import { zerosLike } from '../ops/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, fraction, keep, Optimizer, type ParamGroup, type ParamState, type ParamsArgument } from './optimizer.ts';

export interface RMSpropOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rate of the running means. */
  alpha: number;
  /** Added to the root. */
  eps: number;
  /** L2 penalty, added to the gradient. */
  weightDecay: number;
  momentum: number;
  /** Divide by the standard deviation: the running mean of the gradient is subtracted. */
  centered: boolean;
  /** Go up instead of down. */
  maximize: boolean;
}

type State = { step: number; squareAvg: Tensor; gradAvg?: Tensor; momentumBuffer?: Tensor } & ParamState;

/** RMSprop (Tieleman and Hinton, 2012): v ← alpha·v + (1 - alpha)·g²;  p ← p - lr·g/(√v + eps), the quotient through momentum when it is set. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: ParamsArgument<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false, ...options });
  }

  protected checkOptions(o: RMSpropOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay', 'momentum'] as const) atLeastZero('RMSprop', name, o[name]);
    fraction('RMSprop', 'alpha', o.alpha);
  }

  protected update(group: ParamGroup<RMSpropOptions>): void {
    runFused('RMSprop', 21, withGradients(group.params), ({ param }) => {
      const s = this.stateOf(param, (): State => ({ step: 0, squareAvg: zerosLike(param) }));
      if (group.centered && s.gradAvg === undefined) keep(Object.assign(s, { gradAvg: zerosLike(param) }));
      if (group.momentum > 0 && s.momentumBuffer === undefined) keep(Object.assign(s, { momentumBuffer: zerosLike(param) }));
      s.step++;
      return [
        s.squareAvg.address,
        group.centered ? (s.gradAvg as Tensor).address : 0,
        group.momentum > 0 ? (s.momentumBuffer as Tensor).address : 0,
        group.lr,
        group.alpha,
        group.eps,
        group.weightDecay,
        group.momentum,
        Number(group.maximize),
      ];
    });
  }
}
