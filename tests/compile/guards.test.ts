// When a recording holds and when the function is recorded again; what is refused; memory over many calls.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

const row = (n: number, v = 1): ft.Tensor => ft.full([n], v, { dtype: 'float32' });

describe('recordings', () => {
  test('hold for other values, and are made anew for other shapes, strides, dtypes, modes and plain arguments', () => {
    const f = ft.compile((x: ft.Tensor, options: { scale: number; name?: string }) => x.mul(options.scale).sum());
    const recorded = (call: () => unknown): number => {
      const before = f.counts.recorded;
      call();
      return f.counts.recorded - before;
    };
    expect(recorded(() => f(row(3), { scale: 2 }))).toBe(1);
    expect(f(row(3, 5), { scale: 2 }).itemSync()).toBe(30);
    expect(recorded(() => f(row(3), { scale: 2 }))).toBe(0);
    expect(recorded(() => f(row(4), { scale: 2 }))).toBe(1);
    expect(recorded(() => f(row(3), { scale: 3 }))).toBe(1);
    expect(recorded(() => f(row(3), { scale: 2, name: 'x' }))).toBe(1);
    expect(recorded(() => f(row(6).slice(0, 0, 6, 2), { scale: 2 }))).toBe(1);
    expect(recorded(() => f(row(3).to('float64'), { scale: 2 }))).toBe(1);
    expect(recorded(() => ft.noGrad(() => f(row(3), { scale: 2 })))).toBe(1);
    expect(recorded(() => f(row(3).requiresGrad_(), { scale: 2 }))).toBe(1);
    // eight are kept, and the first is still among them
    expect(recorded(() => f(row(3), { scale: 2 }))).toBe(0);
  });

  test('the one unused for longest goes first', () => {
    const f = ft.compile((x: ft.Tensor) => x.add(1), { maxPlans: 2 });
    for (const n of [1, 2, 1, 3]) f(row(n));
    expect(f.counts).toEqual({ recorded: 3, replayed: 1 });
    f(row(1));
    expect(f.counts.recorded).toBe(3);
    f(row(2));
    expect(f.counts.recorded).toBe(4);
    f.reset();
    f(row(2));
    expect(f.counts.recorded).toBe(5);
  });

  test('follow the mode, the parameters and the buffers of modules', () => {
    const net = new nn.Sequential(new nn.Linear(3, 3), new nn.BatchNorm1d(3), new nn.Dropout(0.5));
    const f = ft.compile((x: ft.Tensor) => net(x));
    const x = ft.randn([4, 3]);
    f(x);
    f(x);
    expect(f.counts).toEqual({ recorded: 1, replayed: 1 });
    net.eval();
    const want = net(x).numbersSync();
    expect(f(x).numbersSync()).toEqual(want);
    f(x)
      .numbersSync()
      .forEach((v, i) => expect(v).toBeCloseTo(want[i], 5));
    expect(f.counts).toEqual({ recorded: 2, replayed: 2 });
    // values changed in place are seen, other tensors are noticed
    ft.noGrad(() => (net.getParameter('0.weight') as nn.Parameter).mul_(2));
    f(x)
      .numbersSync()
      .forEach((v, i) => expect(v).toBeCloseTo(net(x).numbersSync()[i], 5));
    expect(f.counts.recorded).toBe(2);
    net.requiresGrad_(false);
    expect(f(x).requiresGrad).toBe(false);
    net.to('float64');
    expect(f(x.to('float64')).dtype).toBe('float64');
  });

  test('hold for one pattern of shared memory among the arguments only', () => {
    const f = ft.compile((a: ft.Tensor, b: ft.Tensor) => {
      a.add_(1);
      return b.mul(2);
    });
    const [a, b] = [row(3), row(3)];
    f(a, b);
    expect(f(a, a).numbersSync()).toEqual([6, 6, 6]);
    expect(f.counts).toEqual({ recorded: 2, replayed: 0 });
    expect(f(row(3, 4), row(3)).numbersSync()).toEqual([2, 2, 2]);
    const c = row(4);
    expect(f(c.narrow(0, 0, 3), c.narrow(0, 1, 3)).numbersSync()).toEqual([4, 4, 2]);
  });

  test('a parameter as an argument is not mistaken for another tensor', () => {
    const w = row(3, 2);
    const f = ft.compile((x: ft.Tensor) => {
      w.add_(1);
      return x.mul(w);
    });
    f(row(3));
    expect(f(w).numbersSync()).toEqual([16, 16, 16]);
    expect(f(row(3)).numbersSync()).toEqual([5, 5, 5]);
  });

  test('results are new tensors, constants and arguments included', () => {
    const f = ft.compile((x: ft.Tensor) => ({
      ones: ft.ones([2]),
      given: x,
      part: x.narrow(0, 1, 2),
      numbers: ft.tensor([1, 2, 3]),
      text: 'as it was',
    }));
    f(row(3));
    const [first, x] = [f(row(3)), row(3, 7)];
    first.ones.fill_(9);
    first.numbers.fill_(9);
    const second = f(x);
    expect(second.ones.numbersSync()).toEqual([1, 1]);
    expect(second.numbers.numbersSync()).toEqual([1, 2, 3]);
    expect(second.given).toBe(x);
    second.part.fill_(0);
    expect(x.numbersSync()).toEqual([7, 0, 0]);
    expect(second.text).toBe('as it was');
  });

  test('inside of another recording a compiled function is a part of it', () => {
    const inner = ft.compile((x: ft.Tensor) => x.mul(2));
    const outer = ft.compile((x: ft.Tensor) => inner(x).add(1));
    outer(row(2));
    expect(outer(row(2, 3)).numbersSync()).toEqual([7, 7]);
    expect(inner.counts.recorded).toBe(0);
  });

  test('a module is a function, too', () => {
    const net = new nn.Sequential(new nn.Linear(3, 2), new nn.Tanh());
    const f = ft.compile(net);
    f(ft.randn([4, 3]));
    const x = ft.randn([4, 3]);
    const y: ft.Tensor = f(x);
    y.numbersSync().forEach((v, i) => expect(v).toBeCloseTo(net(x).numbersSync()[i], 6));
    y.sum().backward();
    expect(net.parameters().every((p) => p.grad !== null)).toBe(true);
    expect(f.counts).toEqual({ recorded: 1, replayed: 1 });
  });

  test('steps that are stacked are computed in their place', () => {
    const f = ft.compile((x: ft.Tensor) => {
      let h = x;
      const all: ft.Tensor[] = [];
      for (let k = 0; k < 3; k++) all.push((h = h.matmul(x).tanh()));
      return ft.stack(all);
    });
    ft.noGrad(() => f(ft.randn([4, 4])));
    const x = ft.randn([4, 4]);
    ft.noGrad(() =>
      f(x)
        .numbersSync()
        .forEach((v, i) => expect(v).toBeCloseTo(f.original(x).numbersSync()[i], 6)),
    );
    // three products with their activation, and no copies
    expect(f.plan()).toMatch(/9 instructions recorded, 3 after fusion/);
  });

  test('sums of products are products that add', () => {
    const f = ft.compile((x: ft.Tensor, w: ft.Tensor, u: ft.Tensor, b: ft.Tensor) => x.matmul(w).add(x.matmul(u)).add(b).tanh());
    const inputs = (): [ft.Tensor, ft.Tensor, ft.Tensor, ft.Tensor] => [
      ft.randn([6, 5]),
      ft.randn([5, 4]),
      ft.randn([5, 4]),
      ft.randn([4]),
    ];
    ft.noGrad(() => {
      f(...inputs());
      const given = inputs();
      f(...given)
        .numbersSync()
        .forEach((v, i) => expect(v).toBeCloseTo(f.original(...given).numbersSync()[i], 5));
    });
    expect(f.plan()).toMatch(/5 instructions recorded, 2 after fusion/);
  });

  test('the plan can be read', () => {
    const f = ft.compile((x: ft.Tensor) => x.mul(2).add(1).tanh().mul(x).sum());
    ft.noGrad(() => f(row(8)));
    expect(f.plan()).toMatch(/5 instructions recorded, 1 after fusion/);
    expect(String(f)).toMatch(/REDUCE sum\(in0\) .*5 in one: 2 mul, add, tanh, sum/);
  });
});

describe('what cannot be compiled', () => {
  const refused: [string, () => unknown, RegExp][] = [
    ['reading a value', () => ft.compile((x: ft.Tensor) => x.sum().itemSync())(row(3)), /return the tensor and read it outside/],
    ['positions of values', () => ft.compile((x: ft.Tensor) => ft.nonzero(x))(row(3)), /positions under a mask/],
    ['numbers drawn on the host', () => ft.compile(() => ft.randperm(4))(), /random numbers on the host/],
    ['a seed', () => ft.compile(() => ft.manualSeed(1))(), /outside of the compiled function/],
    ['an async function', () => ft.compile(async (x: ft.Tensor) => x)(row(3)), /is async/],
    ['a typed array', () => ft.compile((x: unknown) => x)(new Float32Array(3)), /make a tensor of it/],
    ['other shapes of an argument', () => ft.compile((x: ft.Tensor) => x.t_())(ft.ones([2, 3])), /in place/],
    [
      'changing an argument that is differentiated',
      () => ft.compile((x: ft.Tensor) => x.add_(1))(ft.ones([2]).requiresGrad_().mul(1)),
      /clone it first/,
    ],
    [
      'a schedule',
      () => {
        const opt = new optim.SGD([ft.ones([1], { requiresGrad: true })], { lr: 0.1 });
        const schedule = new optim.lrScheduler.StepLR(opt, 1);
        ft.compile(() => schedule.step())();
      },
      /outside of the compiled function/,
    ],
  ];
  test.each(refused)('%s', (_, call, message) => {
    expect(call).toThrow(message);
    // nothing listens any more
    expect(row(2).sum().itemSync()).toBe(2);
  });

  test('second derivatives', () => {
    const f = ft.compile((x: ft.Tensor) => x.square().sum());
    const x = row(3).requiresGrad_();
    f(x);
    expect(() => ft.grad(f(x), x, { createGraph: true })).toThrow(/first derivatives only/);
  });

  test('an index out of range is an error in every run', () => {
    const f = ft.compile((x: ft.Tensor, i: ft.Tensor) => x.indexSelect(0, i));
    f(row(3), ft.tensor([0, 2]));
    expect(() => f(row(3), ft.tensor([0, 3]))).toThrow(ft.IndexError);
    expect(f(row(3), ft.tensor([1])).numbersSync()).toEqual([1]);
  });
});

describe('derivatives of compiled functions', () => {
  test('a second forward before the first backward keeps both', () => {
    const w = ft.randn([3, 3], { requiresGrad: true });
    const f = ft.compile((x: ft.Tensor) => x.matmul(w).tanh().matmul(w).sigmoid());
    const of = (fn: (x: ft.Tensor) => ft.Tensor): number[][] => {
      ft.manualSeed(3);
      const [a, b] = [ft.randn([2, 3]), ft.randn([2, 3])];
      const [y, z] = [fn(a), fn(b)];
      const first = ft.grad(y.square().sum(), w)[0];
      const second = ft.grad(z.sum(), w)[0];
      return [first.numbersSync(), second.numbersSync()];
    };
    f(ft.randn([2, 3]));
    const [got, want] = [of(f), of(f.original)];
    got.forEach((list, k) => list.forEach((v, i) => expect(v).toBeCloseTo(want[k][i], 5)));
    expect(f.counts.recorded).toBe(1);
  });

  test('backward twice needs retainGraph, and a parameter changed in between is noticed', () => {
    const w = ft.randn([3], { requiresGrad: true });
    const f = ft.compile((x: ft.Tensor) => x.mul(w).tanh().sum());
    f(row(3));
    const y = f(row(3));
    const once = ft.grad(y, w, { retainGraph: true })[0].numbersSync();
    expect(ft.grad(y, w)[0].numbersSync()).toEqual(once);
    expect(() => ft.grad(y, w)).toThrow(/already used/);
    const v = ft.randn([3], { requiresGrad: true });
    const z = f(v.mul(1));
    ft.grad(z, v);
    const u = f(v.mul(1));
    const again = f(v.mul(1));
    ft.noGrad(() => w.mul_(2));
    expect(() => ft.grad(again, v)).toThrow(/changed in place/);
    u.dispose();
  });

  test('dropout drops the same in forward and backward', () => {
    const f = ft.compile((x: ft.Tensor) => nn.functional.dropout(x, { p: 0.5, training: true }));
    f(row(64).requiresGrad_());
    const x = row(64).requiresGrad_();
    const y = f(x);
    y.sum().backward();
    expect((x.grad as ft.Tensor).numbersSync()).toEqual(y.numbersSync());
  });
});

describe('memory', () => {
  test('stays flat over thousands of replays, with and without backward', async () => {
    const net = new nn.Sequential(new nn.Linear(32, 64), new nn.ReLU(), new nn.Linear(64, 4));
    const forward = ft.compile((x: ft.Tensor) => net(x));
    const opt = new optim.SGD(net.parameters(), { lr: 0.01 });
    const step = ft.compile((x: ft.Tensor) => {
      opt.zeroGrad();
      const loss = net(x).square().mean();
      loss.backward();
      opt.step();
      return loss;
    });
    const x = ft.randn([64, 32]);
    const rounds = (n: number): void => {
      for (let k = 0; k < n; k++)
        ft.scope(() => {
          step(x);
          forward(x).sum().backward();
        });
    };
    rounds(20);
    await ft.pressureYield();
    const before = ft.memory().live;
    rounds(3000);
    expect(ft.memory().live).toBeLessThanOrEqual(before + (1 << 17));
  });
});
