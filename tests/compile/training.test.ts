// Compiled training steps beside eager ones: the same losses, parameters, statistics and gradients from the same seed.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { type Training, trainings } from './nets.ts';

const build = (make: () => Training): Training => {
  ft.manualSeed(7);
  return make();
};

/** Everything that a step changes, as numbers. */
const stateOf = (t: Training): number[][] => [
  ...t.parameters.map((p) => p.numbersSync()),
  ...t.parameters.map((p) => p.grad?.numbersSync() ?? []),
  ...t.buffers.map((b) => b.numbersSync()),
];

function expectClose(got: readonly number[][], want: readonly number[][], tolerance = 1e-5): void {
  expect(got.length).toBe(want.length);
  got.forEach((list, k) => {
    expect(list.length).toBe(want[k].length);
    list.forEach((v, i) => {
      expect(Math.abs(v - want[k][i])).toBeLessThanOrEqual(tolerance * (1 + Math.abs(want[k][i])));
    });
  });
}

describe('compiled training steps', () => {
  test.each(Object.keys(trainings))('%s: ten steps as without compile', (name) => {
    const [eager, own] = [build(trainings[name]), build(trainings[name])];
    const step = ft.compile(() => own.step());
    ft.manualSeed(3);
    const want = Array.from({ length: 10 }, () => eager.step().itemSync());
    const at = ft.defaultGenerator.state();
    ft.manualSeed(3);
    const got = Array.from({ length: 10 }, () => step().itemSync());
    expectClose([got], [want]);
    expect(ft.defaultGenerator.state()).toEqual(at);
    expectClose(stateOf(own), stateOf(eager));
    expect(step.counts.recorded).toBeLessThanOrEqual(2);
    expect(step.counts.replayed).toBeGreaterThanOrEqual(8);
  });

  const optimizers: Record<string, (p: ft.Tensor[]) => optim.Optimizer<object & { lr: number }>> = {
    SGD: (p) => new optim.SGD(p, { lr: 0.1, weightDecay: 0.01 }),
    'SGD with Nesterov momentum': (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
    Adam: (p) => new optim.Adam(p, { lr: 0.1, amsgrad: true }),
    AdamW: (p) => new optim.AdamW(p, { lr: 0.1 }),
    RMSprop: (p) => new optim.RMSprop(p, { lr: 0.05, centered: true, momentum: 0.5 }),
    Adagrad: (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.1 }),
    Adadelta: (p) => new optim.Adadelta(p, { lr: 1 }),
    Adamax: (p) => new optim.Adamax(p, { lr: 0.1, weightDecay: 0.1 }),
    ASGD: (p) => new optim.ASGD(p, { lr: 0.1, t0: 3 }),
    NAdam: (p) => new optim.NAdam(p, { lr: 0.1 }),
    RAdam: (p) => new optim.RAdam(p, { lr: 0.1, weightDecay: 0.1, decoupledWeightDecay: true }),
    Rprop: (p) => new optim.Rprop(p, { lr: 0.1 }),
  };
  test.each(Object.keys(optimizers))('%s: steps counted, rates of a schedule used', (name) => {
    const run = (compiled: boolean): number[][] => {
      ft.manualSeed(1);
      const w = ft.randn([4, 3], { requiresGrad: true });
      const b = ft.randn([3], { requiresGrad: true });
      const x = ft.randn([8, 4]);
      const opt = optimizers[name]([w, b]);
      const schedule = new optim.lrScheduler.StepLR(opt, 3, { gamma: 0.5 });
      const step = (): ft.Tensor => {
        opt.zeroGrad();
        const loss = x.matmul(w).add(b).tanh().square().mean();
        loss.backward();
        opt.step();
        return loss;
      };
      const f = ft.compile(step);
      const losses: number[] = [];
      for (let k = 0; k < 12; k++) {
        losses.push((compiled ? f() : step()).itemSync());
        schedule.step();
      }
      if (compiled) expect(f.counts.replayed).toBeGreaterThanOrEqual(9);
      return [losses, w.numbersSync(), b.numbersSync()];
    };
    expectClose(run(true), run(false), 1e-6);
  });

  test('L-BFGS, which looks at its losses, is refused with what to do', () => {
    const w = ft.randn([3], { requiresGrad: true });
    const opt = new optim.LBFGS([w]);
    const step = ft.compile(() =>
      opt.step(() => {
        opt.zeroGrad();
        const loss = w.square().sum();
        loss.backward();
        return loss;
      }),
    );
    expect(() => step()).toThrow(ft.CompileError);
  });

  test('the state of an optimizer can be loaded between compiled steps', () => {
    const run = (compiled: boolean): number[] => {
      ft.manualSeed(2);
      const net = new nn.Linear(3, 2);
      const x = ft.randn([5, 3]);
      const opt = new optim.Adam(net.parameters(), { lr: 0.1 });
      const step = (): ft.Tensor => {
        opt.zeroGrad();
        const loss = net(x).square().mean();
        loss.backward();
        opt.step();
        return loss;
      };
      const f = compiled ? ft.compile(step) : step;
      const losses = [f(), f(), f()].map((t) => t.itemSync());
      const saved = opt.stateDict();
      losses.push(f().itemSync());
      opt.loadStateDict(saved);
      return [...losses, f().itemSync(), f().itemSync()];
    };
    expectClose([run(true)], [run(false)]);
  });

  test('gradients that were seen keep their values, and those that were cleared come back', () => {
    const net = new nn.Linear(2, 1);
    const step = ft.compile((x: ft.Tensor) => {
      net.zeroGrad();
      const loss = net(x).square().sum();
      loss.backward();
      return loss;
    });
    const of = (v: number): ft.Tensor => ft.full([3, 2], v, { dtype: 'float32' });
    step(of(1));
    step(of(2));
    const held = net.weight.grad as ft.Tensor;
    const before = held.numbersSync();
    step(of(3));
    expect(held.numbersSync()).toEqual(before);
    const now = net.weight.grad as ft.Tensor;
    expect(now).not.toBe(held);
    net.weight.grad = null;
    step(of(3));
    expect((net.weight.grad as unknown as ft.Tensor).numbersSync()).toEqual(now.numbersSync());
    expect(step.counts).toEqual({ recorded: 1, replayed: 3 });
  });

  test('gradients accumulate over steps that do not clear them', () => {
    const run = (compiled: boolean): number[] => {
      ft.manualSeed(4);
      const w = ft.randn([4], { requiresGrad: true });
      const pass = (x: ft.Tensor): void => w.mul(x).tanh().sum().backward();
      const f = compiled ? ft.compile(pass) : pass;
      for (let k = 0; k < 5; k++) f(ft.full([4], k + 0.5, { dtype: 'float32' }));
      return (w.grad as ft.Tensor).numbersSync();
    };
    expectClose([run(true)], [run(false)]);
  });
});
