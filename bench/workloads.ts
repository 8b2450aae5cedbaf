// The workloads: the book's networks and three microbenchmarks, with the shapes, optimizers and batch sizes that PyTorch was measured with.
// A training step zeroes the gradients, runs forward, loss, backward and the optimizer, and reads the loss back as a number.

import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';
import { sequenceWorkloads } from './workloads-sequence.ts';

/** One step; gives a number so that nothing can be skipped. */
export type Step = () => number;

const image = (batch: number, channels: number, size: number): [ft.Tensor, ft.Tensor] => [
  ft.randn([batch, channels, size, size]),
  ft.randint(0, 10, [batch]),
];

function classifier(net: nn.Module, [x, y]: [ft.Tensor, ft.Tensor], lr = 0.1): Step {
  const opt = new optim.SGD(net.parameters(), { lr });
  return () => {
    opt.zeroGrad();
    const loss = nn.functional.crossEntropy(net(x), y);
    loss.backward();
    opt.step();
    return loss.itemSync();
  };
}

/** Builders by name; building is not measured. */
export const workloads: Record<string, () => Step> = {
  linreg() {
    const net = new nn.Linear(2, 1);
    const opt = new optim.SGD(net.parameters(), { lr: 0.03 });
    const x = ft.randn([32, 2]);
    const y = ft.randn([32, 1]);
    return () => {
      opt.zeroGrad();
      const loss = nn.functional.mseLoss(net(x), y);
      loss.backward();
      opt.step();
      return loss.itemSync();
    };
  },
  softmax_reg: () => classifier(new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 10)), image(256, 1, 28)),
  mlp: () =>
    classifier(new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10)), image(256, 1, 28)),
  lenet: () =>
    classifier(
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
        new nn.Linear(84, 10),
      ),
      image(128, 1, 28),
    ),
  ops_small_fwd_bwd() {
    const x = ft.randn([10], { requiresGrad: true });
    return () => {
      let z: ft.Tensor = x;
      for (let i = 0; i < 500; i++) z = z.mul(1.0001).add(0.1);
      z.sum().backward();
      return 0;
    };
  },
  gemm1024() {
    const a = ft.randn([1024, 1024]);
    const b = ft.randn([1024, 1024]);
    return () => a.matmul(b).select(0, 0).select(0, 0).itemSync();
  },
  elementwise16m() {
    const x = ft.randn([1 << 22]);
    return () => x.mul(2).add(1).tanh().mul(x).sum().itemSync();
  },
  ...sequenceWorkloads,
};
