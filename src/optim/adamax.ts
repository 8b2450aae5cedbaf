// Adamax: Adam with the infinity norm of past gradients in place of the second moment.

import { zerosLike } from '../ops/create.ts';
import { abs, add, div, max, mul, sub } from '../ops/scalar.ts';
import { FusedRule, towards } from './expressions.ts';
import { withGradients } from './fused.ts';
import { atLeastZero, checkBetas, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface AdamaxOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the running mean and of the running maximum. */
  betas: readonly [number, number];
  /** Added to |g|. */
  eps: number;
  /** L2 penalty, added to the gradient. */
  weightDecay: number;
  /** Go up instead of down. */
  maximize: boolean;
}

// numbers: 1 - beta1, beta2, eps, lr/(1 - beta1^t)
const rule = new FusedRule('Adamax', 2, 4, (p, g, [m, u], [weight, beta2, eps, rate]) => {
  const mean = towards(m, g, weight);
  const norm = max(mul(u, beta2), add(abs(g), eps));
  return [sub(p, mul(rate, div(mean, norm))), mean, norm];
});

/** Adamax (Kingma and Ba, 2015, section 7.1): m ← beta1·m + (1 - beta1)·g;  u ← max(beta2·u, |g| + eps);  p ← p - lr/(1 - beta1ᵗ)·m/u. */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: ParamsArgument<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false, ...options });
  }

  protected checkOptions(o: AdamaxOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay'] as const) atLeastZero('Adamax', name, o[name]);
    checkBetas('Adamax', o.betas);
  }

  protected update(group: ParamGroup<AdamaxOptions>): void {
    for (const pair of withGradients(group.params)) {
      const s = this.stateOf(pair.param, () => ({ step: 0, expAvg: zerosLike(pair.param), expInf: zerosLike(pair.param) }));
      const numbers = (): number[] => {
        s.step++;
        const [beta1, beta2] = group.betas;
        return [1 - beta1, beta2, group.eps, group.lr / (1 - beta1 ** s.step)];
      };
      rule.run(pair, [s.expAvg, s.expInf], numbers, () => group);
    }
  }
}
