// Stochastic gradient descent with momentum.

import { emptyLike } from '../ops/create.ts';
import { ValueError } from '../runtime/errors.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  momentum: number;
  dampening: number;
  /** L2 penalty, added to the gradient before momentum. */
  weightDecay: number;
  nesterov: boolean;
  /** Go up instead of down. */
  maximize: boolean;
}

/**
 * v ← momentum·v + (1 - dampening)·(g + weightDecay·p);  p ← p - lr·v, or p - lr·(g + momentum·v) with nesterov (Sutskever et al., 2013,
 * in PyTorch's form). The first step sets v to the gradient.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsArgument<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false, ...options });
  }

  protected checkOptions(o: SGDOptions): void {
    for (const name of ['lr', 'momentum', 'weightDecay'] as const) atLeastZero('SGD', name, o[name]);
    if (o.nesterov && (o.momentum <= 0 || o.dampening !== 0))
      throw new ValueError('SGD: nesterov needs a momentum above 0 and no dampening');
  }

  protected update(group: ParamGroup<SGDOptions>): void {
    runFused('SGD', 19, withGradients(group.params), ({ param }) => {
      const first = group.momentum !== 0 && !this.state.has(param);
      const buffer = group.momentum === 0 ? 0 : this.stateOf(param, () => ({ momentumBuffer: emptyLike(param) })).momentumBuffer.address;
      return [
        buffer,
        group.lr,
        group.momentum,
        group.dampening,
        group.weightDecay,
        Number(group.nesterov),
        Number(group.maximize),
        Number(first),
      ];
    });
  }
}
