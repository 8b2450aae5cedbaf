// Rprop: steps from the signs of gradients alone, for full batches.

import { fullLike, zerosLike } from '../ops/create.ts';
import { clamp, gt, lt, mul, sign, sub, where } from '../ops/scalar.ts';
import { ValueError } from '../runtime/errors.ts';
import { FusedRule } from './expressions.ts';
import { withGradients } from './fused.ts';
import { atLeastZero, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface RpropOptions {
  /** First step size. */
  lr: number;
  /** Factors of the step size where the sign of the gradient changed, and where it stayed. */
  etas: readonly [number, number];
  /** Smallest and largest step size. */
  stepSizes: readonly [number, number];
  /** Go up instead of down. */
  maximize: boolean;
}

// numbers: eta-, eta+, smallest and largest step
const rule = new FusedRule('Rprop', 2, 4, (p, g, [prev, size], [shrink, grow, least, most]) => {
  const agreement = mul(g, prev);
  const next = clamp(mul(size, where(gt(agreement, 0), grow, where(lt(agreement, 0), shrink, 1))), least, most);
  // after a change of sign the step is left out once
  const used = where(lt(agreement, 0), 0, g);
  return [sub(p, mul(sign(used), next)), used, next];
});

/** Rprop (Riedmiller and Braun, 1993): a step size per element that grows while the gradient keeps its sign and shrinks when it changes. */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: ParamsArgument<RpropOptions>, options: Partial<RpropOptions> = {}) {
    super(params, { lr: 0.01, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false, ...options });
  }

  protected checkOptions(o: RpropOptions): void {
    atLeastZero('Rprop', 'lr', o.lr);
    if (!(o.etas[0] > 0 && o.etas[0] < 1 && o.etas[1] > 1))
      throw new ValueError(`Rprop: etas [${o.etas.join(', ')}] must be a factor between 0 and 1, then one above 1`);
    if (!(o.stepSizes[0] >= 0 && o.stepSizes[0] <= o.stepSizes[1]))
      throw new ValueError(`Rprop: stepSizes [${o.stepSizes.join(', ')}] must be a smallest step of at least 0, then a largest one`);
  }

  protected update(group: ParamGroup<RpropOptions>): void {
    for (const pair of withGradients(group.params)) {
      const s = this.stateOf(pair.param, () => ({ step: 0, prev: zerosLike(pair.param), stepSize: fullLike(pair.param, group.lr) }));
      const numbers = (): number[] => {
        s.step++;
        return [...group.etas, ...group.stepSizes];
      };
      rule.run(pair, [s.prev, s.stepSize], numbers, () => ({ maximize: group.maximize, weightDecay: 0 }));
    }
  }
}
