// Work is cut by size alone: a training run gives the same numbers on one thread and on two.
import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { lenet } from '../lenet.ts';

function trainLeNet(steps: number): { losses: number[]; weights: Float32Array[] } {
  ft.manualSeed(3);
  const net = lenet(0.1);
  const x = ft.randn([128, 1, 28, 28]);
  const y = ft.randint(0, 10, [128]);
  const opt = new optim.SGD(net.parameters(), { lr: 0.5, momentum: 0.9 });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const loss = nn.functional.crossEntropy(net(x), y);
    opt.zeroGrad();
    loss.backward();
    opt.step();
    losses.push(loss.itemSync());
  }
  return { losses, weights: net.parameters().map((p) => Float32Array.from(p.detach().dataSync() as Float32Array)) };
}

async function onThreads(n: number): Promise<ReturnType<typeof trainLeNet>> {
  ft.setThreads(n);
  // Workers start in the background.
  for (let i = 0; i < 5000 && ft.threads() < n; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(ft.threads()).toBe(n);
  return trainLeNet(4);
}

test('LeNet: losses and weights after four steps are the same to the last bit on one and two threads', async () => {
  const one = await onThreads(1);
  const two = await onThreads(2);
  expect(one.losses[3]).not.toBe(one.losses[0]);
  expect(two.losses).toEqual(one.losses);
  expect(two.weights).toEqual(one.weights);
});
