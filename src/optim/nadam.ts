// NAdam: Adam with Nesterov's momentum and a schedule of the momentum.

import { zerosLike } from '../ops/create.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/scalar.ts';
import { FusedRule, formOf, shrinkOf, towards } from './expressions.ts';
import { withGradients } from './fused.ts';
import { atLeastZero, checkBetas, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface NAdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the running means of the gradient and of its square. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  weightDecay: number;
  /** How fast the momentum approaches betas[0]. */
  momentumDecay: number;
  /** Decay acts on the parameter, not through the gradient. */
  decoupledWeightDecay: boolean;
  /** Go up instead of down. */
  maximize: boolean;
}

// numbers: 1 - beta1, beta2, 1 - beta2, 1 - beta2^t, eps, factor of the gradient, factor of the mean, 1 - lr·decay (decoupled)
const rule = new FusedRule('NAdam', 2, 8, (p, g, [m, v], [weight1, beta2, weight2, correction, eps, ofGradient, ofMean, shrink]) => {
  const mean = towards(m, g, weight1);
  const square2 = add(mul(v, beta2), mul(weight2, square(g)));
  const root = add(sqrt(div(square2, correction)), eps);
  return [sub(sub(mul(p, shrink), mul(ofGradient, div(g, root))), mul(ofMean, div(mean, root))), mean, square2];
});

/** NAdam (Dozat, 2016): the step looks ahead by the momentum of the next step, mu(t) = beta1·(1 - 0.96^(t·momentumDecay)/2). */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: ParamsArgument<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(params, {
      lr: 2e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      momentumDecay: 4e-3,
      decoupledWeightDecay: false,
      maximize: false,
      ...options,
    });
  }

  protected checkOptions(o: NAdamOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay', 'momentumDecay'] as const) atLeastZero('NAdam', name, o[name]);
    checkBetas('NAdam', o.betas);
  }

  protected update(group: ParamGroup<NAdamOptions>): void {
    const momentum = (t: number): number => group.betas[0] * (1 - 0.5 * 0.96 ** (t * group.momentumDecay));
    for (const pair of withGradients(group.params)) {
      const s = this.stateOf(pair.param, () => ({
        step: 0,
        muProduct: 1,
        expAvg: zerosLike(pair.param),
        expAvgSq: zerosLike(pair.param),
      }));
      const numbers = (): number[] => {
        const { lr, eps } = group;
        const [beta1, beta2] = group.betas;
        s.step++;
        const [mu, next] = [momentum(s.step), momentum(s.step + 1)];
        s.muProduct *= mu;
        const ofGradient = (lr * (1 - mu)) / (1 - s.muProduct);
        const ofMean = (lr * next) / (1 - s.muProduct * next);
        return [1 - beta1, beta2, 1 - beta2, 1 - beta2 ** s.step, eps, ofGradient, ofMean, shrinkOf(group)];
      };
      rule.run(pair, [s.expAvg, s.expAvgSq], numbers, () => formOf(group));
    }
  }
}
