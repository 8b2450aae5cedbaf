// Optimizers beside what the golden cases say: groups, exact restoring, closures, gradients that do not fit, bad options.
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as optim from '../../src/optim/index.ts';

type Any = optim.Optimizer<{ lr: number }>;
type Make = (params: ft.Tensor[] | { params: ft.Tensor[]; lr?: number }[], options?: object) => Any;
const make =
  (Class: unknown): Make =>
  (params, options) =>
    new (Class as new (p: unknown, o?: object) => Any)(params, options);
const { SGD, Adam, AdamW, Adamax, NAdam, RAdam, Adagrad, Adadelta, RMSprop, Rprop, ASGD, LBFGS } = optim;
const all: [string, Make, object][] = [
  ['SGD', make(SGD), { lr: 0.05, momentum: 0.9, nesterov: true }],
  ['Adam', make(Adam), { lr: 0.05, amsgrad: true }],
  ['AdamW', make(AdamW), { lr: 0.05 }],
  ['Adamax', make(Adamax), { lr: 0.05 }],
  ['NAdam', make(NAdam), { lr: 0.05 }],
  ['RAdam', make(RAdam), { lr: 0.05, betas: [0.8, 0.9] }],
  ['Adagrad', make(Adagrad), { lr: 0.5, lrDecay: 0.1 }],
  ['Adadelta', make(Adadelta), {}],
  ['RMSprop', make(RMSprop), { lr: 0.05, centered: true, momentum: 0.5 }],
  ['Rprop', make(Rprop), { lr: 0.05 }],
  ['ASGD', make(ASGD), { lr: 0.05, t0: 2 }],
  ['LBFGS', make(LBFGS), { lr: 0.5, maxIter: 2 }],
];

const leaf = (values: number[], dtype: ft.DType = 'float32'): ft.Tensor => ft.tensor(values, { dtype, requiresGrad: true });
const values = (t: ft.Tensor): number[] => ft.numbersSync(t);

/** (p0 - 1)² + 3(p1 + 2)² + p0·p1 of two leaves. */
function loss(ps: readonly ft.Tensor[]): ft.Tensor {
  const [a, b] = ps;
  return a.sub(1).square().add(b.add(2).square().mul(3)).add(a.mul(b)).sum();
}
function stepOn(opt: Any, ps: readonly ft.Tensor[]): number {
  const l = opt.step(() => {
    opt.zeroGrad();
    const l = loss(ps);
    l.backward();
    return l;
  });
  return ft.itemSync(l);
}

describe.each(all)('%s', (_, create, options) => {
  test('goes down', () => {
    const ps = [leaf([3, -1]), leaf([0.5, 2])];
    const opt = create(ps, options);
    const first = stepOn(opt, ps);
    for (let i = 0; i < 20; i++) stepOn(opt, ps);
    expect(stepOn(opt, ps)).toBeLessThan(first);
  });

  test('a saved state goes on exactly where it was saved, in another optimizer too', () => {
    const ps = [leaf([3, -1]), leaf([0.5, 2])];
    const opt = create(ps, options);
    for (let i = 0; i < 4; i++) stepOn(opt, ps);
    const saved = opt.stateDict();
    const copies = ps.map((p) => p.detach().clone().requiresGrad_());
    const other = create(copies);
    other.loadStateDict(saved);
    for (let i = 0; i < 4; i++) {
      stepOn(opt, ps);
      stepOn(other, copies);
    }
    copies.forEach((c, i) => {
      expect(values(c)).toEqual(values(ps[i]));
    });
  });

  test('state is numbered as the groups list the parameters', () => {
    const ps = [leaf([3, -1]), leaf([0.5, 2])];
    const opt = create(ps, options);
    stepOn(opt, ps);
    const { state, paramGroups } = opt.stateDict();
    expect(paramGroups.map((g) => g.params)).toEqual([[0, 1]]);
    expect(Object.keys(state)).toEqual(opt instanceof LBFGS ? ['0'] : ['0', '1']);
  });

  test('the rate is read at every step', () => {
    const ps = [leaf([3, -1]), leaf([0.5, 2])];
    const opt = create(ps, options);
    stepOn(opt, ps);
    const before = ps.map(values);
    opt.paramGroups[0].lr = 0;
    stepOn(opt, ps);
    // Rprop's rate is only the first step size, ASGD's is used from the next step on
    if (!(opt instanceof Rprop || opt instanceof ASGD)) expect(ps.map(values)).toEqual(before);
  });

  test('a negative rate is a ValueError', () => {
    expect(() => create([leaf([1])], { lr: -1 })).toThrow(ft.ValueError);
  });
});

describe.each(all.filter(([name]) => name !== 'LBFGS'))('%s', (_, create, options) => {
  test('maximize of f equals minimising of -f', () => {
    const [a, b] = [leaf([3, -1, 0.25]), leaf([3, -1, 0.25])];
    const up = create([a], { ...options, maximize: true });
    const down = create([b], options);
    for (let i = 0; i < 5; i++) {
      const g = ft.tensor([1, -2, 0.5 * i], { dtype: 'float32' });
      a.grad = g;
      b.grad = g.neg();
      up.step();
      down.step();
    }
    expect(values(a)).toEqual(values(b));
  });

  test('float64 parameters of any shape, a parameter without gradient stays', () => {
    const p = ft.ones([2, 0, 3], { dtype: 'float64', requiresGrad: true });
    const q = ft.tensor(2, { dtype: 'float64', requiresGrad: true });
    const idle = leaf([7]);
    const opt = create([p, q, idle], options);
    p.grad = ft.zerosLike(p);
    q.grad = ft.tensor(1, { dtype: 'float64' });
    for (let i = 0; i < 3; i++) opt.step();
    expect(ft.itemSync(q)).toBeLessThan(2);
    expect(values(idle)).toEqual([7]);
  });
});

test('SGD, Adam: a thousand parameters need several calls of the kernels, all are updated', () => {
  for (const create of [make(SGD), make(Adam)]) {
    const ps = Array.from({ length: 6000 }, (_, i) => leaf([i]));
    for (const p of ps) p.grad = ft.ones([1]);
    const opt = create(ps, { lr: 0.5 });
    opt.step();
    expect(ps.every((p, i) => Math.abs(values(p)[0] - (i - 0.5)) < 1e-3)).toBe(true);
  }
});

test('groups have options of their own, one may be added later', () => {
  const [a, b, c] = [leaf([1]), leaf([1]), leaf([1])];
  const opt = new SGD([{ params: [a] }, { params: [b], lr: 0.1 }], { lr: 0.5 });
  opt.addParamGroup({ params: [c], weightDecay: 1 });
  for (const p of [a, b, c]) p.grad = ft.ones([1]);
  opt.step();
  expect([a, b, c].map((p) => values(p)[0])).toEqual([0.5, Math.fround(0.9), 0]);
  expect(() => opt.addParamGroup({ params: [a] })).toThrow(/twice/);
});

test('zeroGrad: gradients are forgotten, or zeros with setToNone: false', () => {
  const p = leaf([1, 2]);
  const opt = new SGD([p]);
  p.grad = ft.ones([2]);
  opt.zeroGrad({ setToNone: false });
  expect(values(p.grad as ft.Tensor)).toEqual([0, 0]);
  opt.zeroGrad();
  expect(p.grad).toBeNull();
});

test('weight decay: coupled acts through the gradient, decoupled on the parameter', () => {
  for (const Class of [NAdam, RAdam]) {
    const [a, b] = [leaf([2]), leaf([2])];
    const coupled = new Class([a], { lr: 0.1, weightDecay: 0.5 });
    const decoupled = new Class([b], { lr: 0.1, weightDecay: 0.5, decoupledWeightDecay: true });
    for (const p of [a, b]) p.grad = ft.zeros([1]);
    for (let i = 0; i < 2; i++) {
      coupled.step();
      decoupled.step();
    }
    expect(values(b)[0]).toBeCloseTo(2 * (1 - 0.1 * 0.5) ** 2, 6);
    expect(values(a)[0]).not.toBeCloseTo(values(b)[0], 6);
  }
});

test('RMSprop: a centered variance that rounds below 0 gives no NaN', () => {
  const p = leaf([1, 1, 1]);
  const opt = new RMSprop([p], { lr: 1e-3, centered: true, alpha: 0.5 });
  for (let i = 0; i < 60; i++) {
    p.grad = ft.tensor([0.1, 0.3, 0.7], { dtype: 'float32' });
    opt.step();
  }
  expect(values(p).every(Number.isFinite)).toBe(true);
});

describe('LBFGS', () => {
  test('strong Wolfe search finds the minimum of Rosenbrock in a few steps', () => {
    const x = leaf([-1.2, 1], 'float64');
    const opt = new LBFGS([x], { lineSearchFn: 'strong_wolfe', maxIter: 100 });
    opt.step(() => {
      opt.zeroGrad();
      const [a, b] = [x.select(0, 0), x.select(0, 1)];
      const l = b.sub(a.square()).square().mul(100).add(a.neg().add(1).square());
      l.backward();
      return l;
    });
    for (const v of values(x)) expect(v).toBeCloseTo(1, 4);
  });
  test('needs a synchronous closure that returns the loss, and one group', () => {
    const p = leaf([1]);
    const opt = new LBFGS([p]);
    expect(() => opt.step()).toThrow(/closure/);
    expect(() => opt.step(() => undefined)).toThrow(/must return the loss/);
    expect(() => opt.step(async () => 1)).toThrow(/async/);
    expect(() => opt.addParamGroup({ params: [leaf([2])] })).toThrow(/one parameter group/);
    expect(() => new LBFGS([leaf([1]), leaf([1], 'float64')])).toThrow(ft.DTypeError);
  });
});

describe('errors', () => {
  test('a gradient of another shape or dtype is a ShapeError', () => {
    const p = leaf([1, 2]);
    const opt = new Adam([p]);
    p.grad = ft.ones([3]);
    expect(() => opt.step()).toThrow(ft.ShapeError);
    p.grad = ft.ones([2], { dtype: 'float64' });
    expect(() => opt.step()).toThrow(ft.ShapeError);
  });
  test('options out of range are ValueErrors', () => {
    const p = [leaf([1])];
    expect(() => new Adam(p, { betas: [0.9, 1] })).toThrow(/betas\[1\]/);
    expect(() => new Rprop(p, { etas: [1.1, 1.2] })).toThrow(/etas/);
    expect(() => new RMSprop(p, { alpha: 1 })).toThrow(/alpha/);
    expect(() => new Adadelta(p, { rho: 2 })).toThrow(/rho/);
    expect(() => new NAdam(p, { momentumDecay: -1 })).toThrow(/momentumDecay/);
    expect(() => new SGD(p, { nesterov: true })).toThrow(/nesterov/);
    expect(() => new LBFGS(p, { lineSearchFn: 'armijo' as 'strong_wolfe' })).toThrow(/strong_wolfe/);
  });
  test('a saved state with another number of groups or parameters, or of other shapes, is refused', () => {
    const p = leaf([1, 2]);
    const opt = new Adam([p]);
    p.grad = ft.ones([2]);
    opt.step();
    const saved = opt.stateDict();
    expect(() => new Adam([leaf([1]), leaf([2])]).loadStateDict(saved)).toThrow(/parameter\(s\)/);
    expect(() => new Adam([{ params: [leaf([1])] }, { params: [leaf([1])] }]).loadStateDict(saved)).toThrow(/group/);
    expect(() => new Adam([leaf([1, 2, 3])]).loadStateDict(saved)).toThrow(ft.ShapeError);
  });
});
