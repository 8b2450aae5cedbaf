// Adam and AdamW.

import { zerosLike } from '../ops/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, checkBetas, keep, Optimizer, type ParamGroup, type ParamState, type ParamsArgument } from './optimizer.ts';

export interface AdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the running means of the gradient and of its square. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  weightDecay: number;
  /** Use the maximum of all second moments so far (Reddi et al., 2018). */
  amsgrad: boolean;
  /** Go up instead of down. */
  maximize: boolean;
}

type AdamState = { step: number; expAvg: Tensor; expAvgSq: Tensor; maxExpAvgSq?: Tensor } & ParamState;

abstract class AdamBase extends Optimizer<AdamOptions> {
  /** AdamW: decay acts on the parameter, not through the gradient. */
  protected abstract readonly decoupled: boolean;

  protected checkOptions(o: AdamOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay'] as const) atLeastZero(this.constructor.name, name, o[name]);
    checkBetas(this.constructor.name, o.betas);
  }

  protected update(group: ParamGroup<AdamOptions>): void {
    runFused(this.constructor.name, 20, withGradients(group.params), ({ param }) => {
      const s = this.stateOf(param, (): AdamState => ({ step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) }));
      if (group.amsgrad && s.maxExpAvgSq === undefined) keep(Object.assign(s, { maxExpAvgSq: zerosLike(param) }));
      s.step++;
      return [
        s.expAvg.address,
        s.expAvgSq.address,
        group.amsgrad ? (s.maxExpAvgSq as Tensor).address : 0,
        group.lr,
        group.betas[0],
        group.betas[1],
        group.eps,
        group.weightDecay,
        Number(this.decoupled),
        Number(group.maximize),
        s.step,
      ];
    });
  }
}

/** Adam (Kingma and Ba, 2015): bias-corrected running means of the gradient and of its square. Weight decay is an L2 penalty. */
export class Adam extends AdamBase {
  protected readonly decoupled = false;
  constructor(params: ParamsArgument<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false, ...options });
  }
}

/** AdamW (Loshchilov and Hutter, 2019): Adam with weight decay applied to the parameter itself. */
export class AdamW extends AdamBase {
  protected readonly decoupled = true;
  constructor(params: ParamsArgument<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, amsgrad: false, maximize: false, ...options });
  }
}
