// Section 4.4: softmax regression from scratch.

import type { LessonContext } from '../cli/context.ts';
import { Classifier, type OptimizerLike, SGD } from '../d2l/index.ts';
import { zeros } from '../ops/create.ts';
import { gather } from '../ops/gather.ts';
import { normal } from '../ops/random.ts';
import { amax, mean, sum } from '../ops/reduce.ts';
import type { RunRecord } from '../report/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runClassification } from './classify.ts';

/** e^x over its row sum; the row's maximum is subtracted first, which changes nothing but keeps e^x finite. */
export function softmax(x: Tensor): Tensor {
  const e = x.sub(amax(x, { dim: 1, keepdim: true })).exp();
  return e.div(sum(e, { dim: 1, keepdim: true }));
}

/** Mean negative logarithm of the probability given to the right class. */
export function crossEntropy(yHat: Tensor, y: Tensor): Tensor {
  return mean(
    gather(yHat, 1, y.reshape([-1, 1]))
      .log()
      .neg(),
  );
}

export class SoftmaxRegressionScratch extends Classifier {
  declare numInputs: number;
  w: Tensor;
  b: Tensor;

  constructor(options: { numInputs: number; numOutputs: number; lr: number; sigma?: number }) {
    super();
    const { numInputs, numOutputs, sigma = 0.01 } = options;
    this.saveHyperparameters({ sigma, ...options });
    this.w = normal(0, sigma, [numInputs, numOutputs], { requiresGrad: true });
    this.b = zeros([numOutputs], { requiresGrad: true });
  }

  override forward(x: Tensor): Tensor {
    return softmax(x.reshape([-1, this.numInputs]).matmul(this.w).add(this.b));
  }

  override loss(yHat: Tensor, y: Tensor): Tensor {
    return crossEntropy(yHat, y);
  }

  override configureOptimizers(): OptimizerLike {
    return new SGD([this.w, this.b], this.lr);
  }
}

/** Trains the classifier with every step written out. */
export function run(context: LessonContext): Promise<RunRecord> {
  const lr = 0.1;
  return runClassification(context, {
    lesson: { id: '4.4', name: 'softmax-scratch', title: 'Softmax regression from scratch' },
    batchSize: 256,
    epochs: 10,
    settings: { 'learning rate': lr, optimizer: 'SGD, written out' },
    model: () => new SoftmaxRegressionScratch({ numInputs: 784, numOutputs: 10, lr }),
  });
}
