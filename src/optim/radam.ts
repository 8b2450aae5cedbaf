// RAdam: Adam whose adaptive rate is rectified while its variance is large.

import { zerosLike } from '../ops/create.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/scalar.ts';
import { recording } from '../runtime/recording.ts';
import { FusedRule, formOf, shrinkOf, towards } from './expressions.ts';
import { withGradients } from './fused.ts';
import { atLeastZero, checkBetas, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface RAdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the running means of the gradient and of its square. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  weightDecay: number;
  /** Decay acts on the parameter, not through the gradient. */
  decoupledWeightDecay: boolean;
  /** Go up instead of down. */
  maximize: boolean;
}

// numbers: 1 - beta1, beta2, 1 - beta2, eps, 1 - lr·decay (decoupled), factor of the step
const adaptive = new FusedRule('RAdam', 2, 6, (p, g, [m, v], [weight1, beta2, weight2, eps, shrink, rate]) => {
  const mean = towards(m, g, weight1);
  const square2 = add(mul(v, beta2), mul(weight2, square(g)));
  return [sub(mul(p, shrink), mul(rate, div(mean, add(sqrt(square2), eps)))), mean, square2];
});
const plain = new FusedRule('RAdam', 2, 6, (p, g, [m, v], [weight1, beta2, weight2, , shrink, rate]) => {
  const mean = towards(m, g, weight1);
  return [sub(mul(p, shrink), mul(rate, mean)), mean, add(mul(v, beta2), mul(weight2, square(g)))];
});

/** Lengths of the approximated simple moving average: at step t, and at most. */
function lengths(beta2: number, t: number): { rho: number; longest: number } {
  const longest = 2 / (1 - beta2) - 1;
  return { rho: longest - (2 * t * beta2 ** t) / (1 - beta2 ** t), longest };
}

/**
 * RAdam (Liu et al., 2020): momentum alone while the length rho(t) of the approximated simple moving average is at most 5, then Adam's
 * step times the rectification √((rho - 4)(rho - 2)rhoMax / ((rhoMax - 4)(rhoMax - 2)rho)).
 */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: ParamsArgument<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    super(params, {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      decoupledWeightDecay: false,
      maximize: false,
      ...options,
    });
  }

  protected checkOptions(o: RAdamOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay'] as const) atLeastZero('RAdam', name, o[name]);
    checkBetas('RAdam', o.betas);
  }

  protected update(group: ParamGroup<RAdamOptions>): void {
    for (const pair of withGradients(group.params)) {
      const s = this.stateOf(pair.param, () => ({ step: 0, expAvg: zerosLike(pair.param), expAvgSq: zerosLike(pair.param) }));
      const rectified = lengths(group.betas[1], s.step + 1).rho > 5;
      if (recording !== null) recording.guard(s, () => lengths(group.betas[1], s.step + 1).rho > 5 === rectified);
      const numbers = (): number[] => {
        s.step++;
        const { lr, eps } = group;
        const [beta1, beta2] = group.betas;
        const { rho, longest } = lengths(beta2, s.step);
        let rate = lr / (1 - beta1 ** s.step);
        if (rectified)
          rate *= Math.sqrt(((1 - beta2 ** s.step) * ((rho - 4) * (rho - 2) * longest)) / ((longest - 4) * (longest - 2) * rho));
        return [1 - beta1, beta2, 1 - beta2, eps, shrinkOf(group), rate];
      };
      (rectified ? adaptive : plain).run(pair, [s.expAvg, s.expAvgSq], numbers, () => formOf(group));
    }
  }
}
