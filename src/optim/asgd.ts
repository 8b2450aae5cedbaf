// ASGD: stochastic gradient descent that also averages the parameters it passes.

import { zerosLike } from '../ops/create.ts';
import { add, mul, sub } from '../ops/scalar.ts';
import { FusedRule } from './expressions.ts';
import { withGradients } from './fused.ts';
import { atLeastZero, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface ASGDOptions {
  /** First learning rate. */
  lr: number;
  /** Decay of the parameter in each step, and of the learning rate. */
  lambd: number;
  /** Power of the decay of the learning rate. */
  alpha: number;
  /** Step at which averaging starts. */
  t0: number;
  /** L2 penalty, added to the gradient. */
  weightDecay: number;
  /** Go up instead of down. */
  maximize: boolean;
}

// numbers: rate, 1 - lambd·rate, weight of the new parameter in the average
const rule = new FusedRule('ASGD', 1, 3, (p, g, [average], [rate, shrink, mu]) => {
  const next = sub(mul(p, shrink), mul(rate, g));
  return [next, add(average, mul(mu, sub(next, average)))];
});

/** Averaged SGD (Polyak and Juditsky, 1992). The averages are in the state, under `ax`. */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: ParamsArgument<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    super(params, { lr: 0.01, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false, ...options });
  }

  protected checkOptions(o: ASGDOptions): void {
    for (const name of ['lr', 'weightDecay'] as const) atLeastZero('ASGD', name, o[name]);
  }

  protected update(group: ParamGroup<ASGDOptions>): void {
    for (const pair of withGradients(group.params)) {
      const s = this.stateOf(pair.param, () => ({ step: 0, eta: group.lr, mu: 1, ax: zerosLike(pair.param) }));
      const numbers = (): number[] => {
        const { lr, lambd } = group;
        const now = [s.eta, 1 - lambd * s.eta, s.mu];
        s.step++;
        s.eta = lr / (1 + lambd * lr * s.step) ** group.alpha;
        s.mu = 1 / Math.max(1, s.step - group.t0);
        return now;
      };
      rule.run(pair, [s.ax], numbers, () => group);
    }
  }
}
