// Linear regression: synthetic data, the model from scratch and from layers (sections 3.3 to 3.5).

import { noGrad } from '../autograd/mode.ts';
import * as nn from '../nn/index.ts';
import { randn, zeros } from '../ops/create.ts';
import { add, mul, square, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { normal } from '../ops/random.ts';
import { mean } from '../ops/reduce.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { HyperParameters } from './hyperparameters.ts';
import { type BatchLoader, DataModule, Module, type OptimizerLike } from './module.ts';

export interface SyntheticRegressionOptions {
  /** True weights [d]. */
  w: Tensor;
  /** True offset. */
  b: number;
  /** Standard deviation of the noise. */
  noise?: number;
  numTrain?: number;
  numVal?: number;
  batchSize?: number;
}

/** y = Xw + b + noise with standard normal X: X is [n, d], y is [n, 1]; the first numTrain rows are for training. */
export class SyntheticRegressionData extends DataModule {
  declare w: Tensor;
  declare b: number;
  declare noise: number;
  declare numTrain: number;
  declare numVal: number;
  readonly X: Tensor;
  readonly y: Tensor;

  constructor(options: SyntheticRegressionOptions) {
    super();
    this.saveHyperparameters({ noise: 0.01, numTrain: 1000, numVal: 1000, batchSize: 32, ...options });
    const n = this.numTrain + this.numVal;
    this.X = randn([n, this.w.numel]);
    this.y = add(add(matmul(this.X, this.w.reshape([-1, 1])), this.b), mul(randn([n, 1]), this.noise));
  }

  getDataloader(train: boolean): BatchLoader {
    return this.getTensorloader([this.X, this.y], train, {
      indices: train ? { stop: this.numTrain } : { start: this.numTrain },
    });
  }
}

/** Minibatch stochastic gradient descent, as simple as it gets: p ← p - lr·p.grad. */
export class SGD extends HyperParameters implements OptimizerLike {
  declare params: readonly Tensor[];
  declare lr: number;

  constructor(params: Iterable<Tensor>, lr: number) {
    super();
    this.saveHyperparameters({ params: [...params], lr });
  }

  /** Updates every parameter that has a gradient. */
  step(): void {
    noGrad(() => {
      for (const p of this.params) if (p.grad !== null) p.sub_(p.grad.mul(this.lr));
    });
  }

  /** Forgets the gradients. */
  zeroGrad(): void {
    for (const p of this.params) p.clearGrad();
  }
}

/** Linear regression with its parameters written out. */
export class LinearRegressionScratch extends Module {
  declare numInputs: number;
  declare sigma: number;
  w: Tensor;
  b: Tensor;

  constructor(options: { numInputs: number; lr: number; sigma?: number }) {
    super();
    this.saveHyperparameters({ sigma: 0.01, ...options });
    this.w = normal(0, this.sigma, [this.numInputs, 1], { requiresGrad: true });
    this.b = zeros([1], { requiresGrad: true });
  }

  override forward(x: Tensor): Tensor {
    return matmul(x, this.w).add(this.b);
  }

  /** Mean of (ŷ - y)²/2. */
  loss(yHat: Tensor, y: Tensor): Tensor {
    return mean(square(sub(yHat, y)).div(2));
  }

  override configureOptimizers(): OptimizerLike {
    return new SGD([this.w, this.b], this.lr);
  }
}

/** Linear regression from a lazy layer. */
export class LinearRegression extends Module {
  declare net: nn.LazyLinear;

  constructor(options: { lr: number }) {
    super();
    this.saveHyperparameters(options);
    this.net = new nn.LazyLinear(1);
    nn.init.normal_(this.net.weight, 0, 0.01);
  }

  /** Mean squared error. */
  loss(yHat: Tensor, y: Tensor): Tensor {
    return nn.functional.mseLoss(yHat, y);
  }

  /** Weight [1, d] and bias [1]. */
  getWB(): [Tensor, Tensor] {
    return [this.net.weight.detach(), (this.net.bias as Tensor).detach()];
  }
}
