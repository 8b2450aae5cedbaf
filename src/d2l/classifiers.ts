// Classifiers of chapters 4 and 7: softmax regression and LeNet.

import * as nn from '../nn/index.ts';
import { Classifier } from './module.ts';

/** A linear classifier on flattened inputs: [B, ...] to [B, numOutputs]. */
export class SoftmaxRegression extends Classifier {
  constructor(options: { numOutputs: number; lr: number }) {
    super();
    this.saveHyperparameters(options);
    this.net = new nn.Sequential(new nn.Flatten(), new nn.LazyLinear(options.numOutputs));
  }
}

/** Xavier-uniform weights for Linear and Conv2d layers (lazy ones after their first forward pass). */
export function initCnn(module: nn.AnyModule): void {
  if (module instanceof nn.Linear || module instanceof nn.Conv2d) nn.init.xavierUniform_(module.weight);
}

/** LeNet-5 with sigmoids and average pooling (LeCun et al., 1998): [B, 1, 28, 28] to [B, numClasses]. */
export class LeNet extends Classifier {
  constructor(options: { lr?: number; numClasses?: number } = {}) {
    super();
    const { lr = 0.1, numClasses = 10 } = options;
    this.saveHyperparameters({ lr, numClasses });
    this.net = new nn.Sequential(
      new nn.LazyConv2d(6, 5, { padding: 2 }),
      new nn.Sigmoid(),
      new nn.AvgPool2d(2, { stride: 2 }),
      new nn.LazyConv2d(16, 5),
      new nn.Sigmoid(),
      new nn.AvgPool2d(2, { stride: 2 }),
      new nn.Flatten(),
      new nn.LazyLinear(120),
      new nn.Sigmoid(),
      new nn.LazyLinear(84),
      new nn.Sigmoid(),
      new nn.LazyLinear(numClasses),
    );
  }
}
