// Adam and AdamW.

import { zerosLike } from '../ops/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, fraction, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

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

abstract class AdamBase extends Optimizer<AdamOptions> {
  /** AdamW: decay acts on the parameter, not through the gradient. */
  protected abstract readonly decoupled: boolean;

  protected checkOptions(o: AdamOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay'] as const) atLeastZero(this.constructor.name, name, o[name]);
    fraction(this.constructor.name, 'betas[0]', o.betas[0]);
    fraction(this.constructor.name, 'betas[1]', o.betas[1]);
  }

  protected update(group: ParamGroup<AdamOptions>): void {
    const pairs = withGradients(group.params);
    for (const { param } of pairs) {
      let s = this.state.get(param);
      if (s === undefined) {
        s = { step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) };
        if (group.amsgrad) s.maxExpAvgSq = zerosLike(param);
        for (const v of Object.values(s)) if (typeof v !== 'number') v.kept = true;
        this.state.set(param, s);
      }
      s.step = (s.step as number) + 1;
    }
    runFused(this.constructor.name, 20, pairs, ({ param }) => {
      const s = this.state.get(param) as Record<string, Tensor | number>;
      return [
        (s.expAvg as Tensor).address,
        (s.expAvgSq as Tensor).address,
        group.amsgrad ? (s.maxExpAvgSq as Tensor).address : 0,
        group.lr,
        group.betas[0],
        group.betas[1],
        group.eps,
        group.weightDecay,
        Number(this.decoupled),
        Number(group.maximize),
        s.step as number,
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
