// Adadelta: steps in the units of the parameter, from running means of squared gradients and of squared steps.

import { zerosLike } from '../ops/create.ts';
import { runFused, withGradients } from './fused.ts';
import { atLeastZero, fraction, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

export interface AdadeltaOptions {
  /** Factor of the steps. */
  lr: number;
  /** Decay rate of the running means. */
  rho: number;
  /** Added below both roots. */
  eps: number;
  /** L2 penalty, added to the gradient. */
  weightDecay: number;
  /** Go up instead of down. */
  maximize: boolean;
}

/** Adadelta (Zeiler, 2012): s ← rho·s + (1 - rho)·g²;  d = √(u + eps)/√(s + eps)·g;  u ← rho·u + (1 - rho)·d²;  p ← p - lr·d. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: ParamsArgument<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false, ...options });
  }

  protected checkOptions(o: AdadeltaOptions): void {
    for (const name of ['lr', 'eps', 'weightDecay'] as const) atLeastZero('Adadelta', name, o[name]);
    fraction('Adadelta', 'rho', o.rho);
  }

  protected update(group: ParamGroup<AdadeltaOptions>): void {
    runFused('Adadelta', 23, withGradients(group.params), ({ param }) => {
      const s = this.stateOf(param, () => ({ step: 0, squareAvg: zerosLike(param), accDelta: zerosLike(param) }));
      s.step++;
      return [s.squareAvg.address, s.accDelta.address, group.lr, group.rho, group.eps, group.weightDecay, Number(group.maximize)];
    });
  }
}
