// The workloads, by the names that PyTorch was measured under: small networks and microbenchmarks here, larger ones in
// workloads-vision.ts and workloads-sequence.ts.
// A training step zeroes the gradients, runs forward, loss, backward and the optimizer, and reads the loss back as a number.

import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';
import { classifier, images, type Step, stepOf, trainingStep, type WorkloadOptions, type Workloads } from './step.ts';
import { sequenceWorkloads } from './workloads-sequence.ts';
import { visionWorkloads } from './workloads-vision.ts';

export type { Step, WorkloadOptions };

const pool = (): nn.AvgPool2d => new nn.AvgPool2d(2, { stride: 2 });

const basic: Workloads = {
  linreg(options) {
    const net = new nn.Linear(2, 1);
    const x = ft.randn([32, 2]);
    const y = ft.randn([32, 1]);
    return trainingStep(new optim.SGD(net.parameters(), { lr: 0.03 }), () => nn.functional.mseLoss(net(x), y), options);
  },
  softmax_reg: (options) => classifier(new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 10)), images(256, 1, 28), 0.1, options),
  mlp: (options) =>
    classifier(
      new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10)),
      images(256, 1, 28),
      0.1,
      options,
    ),
  lenet: (options) =>
    classifier(
      new nn.Sequential(
        new nn.Conv2d(1, 6, 5, { padding: 2 }),
        new nn.Sigmoid(),
        pool(),
        new nn.Conv2d(6, 16, 5),
        new nn.Sigmoid(),
        pool(),
        new nn.Flatten(),
        new nn.Linear(400, 120),
        new nn.Sigmoid(),
        new nn.Linear(120, 84),
        new nn.Sigmoid(),
        new nn.Linear(84, 10),
      ),
      images(128, 1, 28),
      0.1,
      options,
    ),
  lenet_bn: (options) =>
    classifier(
      new nn.Sequential(
        new nn.Conv2d(1, 6, 5),
        new nn.BatchNorm2d(6),
        new nn.Sigmoid(),
        pool(),
        new nn.Conv2d(6, 16, 5),
        new nn.BatchNorm2d(16),
        new nn.Sigmoid(),
        pool(),
        new nn.Flatten(),
        new nn.Linear(256, 120),
        new nn.BatchNorm1d(120),
        new nn.Sigmoid(),
        new nn.Linear(120, 84),
        new nn.BatchNorm1d(84),
        new nn.Sigmoid(),
        new nn.Linear(84, 10),
      ),
      images(128, 1, 28),
      0.1,
      options,
    ),
};

const micro: Workloads = {
  ops_small_fwd_bwd(options) {
    const x = ft.randn([10], { requiresGrad: true });
    // the sum is read, so that a compiled step cannot leave the forward pass out: its gradient does not depend on it
    return stepOf(() => {
      let z: ft.Tensor = x;
      for (let i = 0; i < 500; i++) z = z.mul(1.0001).add(0.1);
      const sum = z.sum();
      sum.backward();
      return sum;
    }, options);
  },
  gemm1024(options) {
    const a = ft.randn([1024, 1024]);
    const b = ft.randn([1024, 1024]);
    return stepOf(() => a.matmul(b).select(0, 0).select(0, 0), options);
  },
  elementwise16m(options) {
    const x = ft.randn([1 << 22]);
    return stepOf(() => x.mul(2).add(1).tanh().mul(x).sum(), options);
  },
};

/** Builders by name. */
export const workloads: Workloads = { ...basic, ...visionWorkloads, ...sequenceWorkloads, ...micro };
