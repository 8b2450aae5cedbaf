// Adagrad: steps divided by the root of the sum of all squared gradients.

import { fullLike } from '../ops/create.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface AdagradOptions {
  /** Learning rate. */
  lr: number;
  /** The rate of step t (from 0) is lr/(1 + t·lrDecay). */
  lrDecay: number;
  /** L2 penalty, added to the gradient. */
  weightDecay: number;
  /** What the sums of squares start from. */
  initialAccumulatorValue: number;
  /** Added to the root. */
  eps: number;
  /** Go up instead of down. */
  maximize: boolean;
}

/** Adagrad (Duchi, Hazan and Singer, 2011): s ← s + g²;  p ← p - lr·g/(√s + eps). */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: ParamsArgument<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false, ...options });
  }

  protected checkOptions(o: AdagradOptions): void {
    for (const name of ['lr', 'lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps'] as const) atLeastZero('Adagrad', name, o[name]);
  }

  protected update(group: ParamGroup<AdagradOptions>): void {
    runFused('Adagrad', 22, withGradients(group.params), ({ param }) => {
      const s = this.stateOf(param, () => ({ step: 0, sum: fullLike(param, group.initialAccumulatorValue) }));
      const lr = group.lr / (1 + s.step * group.lrDecay);
      s.step++;
      return [s.sum.address, lr, group.eps, group.weightDecay, Number(group.maximize)];
    });
  }
}
