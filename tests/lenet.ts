// The book's LeNet for tests of training.
import * as nn from '../src/nn/index.ts';

/** Sigmoids and average pooling, 28×28 images, ten classes; `dropout` is in front of the last layer. */
export const lenet = (dropout = 0): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }),
    new nn.Sigmoid(),
    new nn.AvgPool2d(2, { stride: 2 }),
    new nn.Conv2d(6, 16, 5),
    new nn.Sigmoid(),
    new nn.AvgPool2d(2, { stride: 2 }),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    new nn.Sigmoid(),
    new nn.Linear(120, 84),
    new nn.Sigmoid(),
    new nn.Dropout(dropout),
    new nn.Linear(84, 10),
  );
