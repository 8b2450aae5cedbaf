// Samplers: moments within five standard errors at fixed seeds, the same numbers from the same seed, gradients of samples.
import { describe, expect, test } from 'vitest';
import * as D from '../../src/distributions/index.ts';
import * as ft from '../../src/index.ts';

const numbers = (t: ft.Tensor): number[] => ft.numbersSync(t);
const t = (v: ft.TensorData, dtype: ft.DType = 'float64'): ft.Tensor => ft.tensor(v, { dtype });

/** Mean and variance of n samples of each distribution of the batch, against its own mean and variance. */
function checkMoments(d: D.Distribution, n = 20000): void {
  const x = d.sample([n]).double();
  expect(x.shape).toEqual([n, ...d.batchShape, ...d.eventShape]);
  const mean = x.mean(0);
  const centered = x.sub(mean);
  const [got, variance, fourth] = [mean, centered.square().mean(0), centered.square().square().mean(0)].map(numbers);
  const [want, wantVariance] = [d.mean.double(), d.variance.double()].map((v) => numbers(v.expand(mean.shape).contiguous()));
  got.forEach((m, i) => {
    expect(Math.abs(m - want[i]), `mean ${i} is ${m}, expected ${want[i]}`).toBeLessThan(5 * Math.sqrt(wantVariance[i] / n) + 1e-12);
    const error = 5 * Math.sqrt(Math.max(0, fourth[i] - variance[i] ** 2) / n) + 1e-9;
    expect(Math.abs(variance[i] - wantVariance[i]), `variance ${i} is ${variance[i]}, expected ${wantVariance[i]}`).toBeLessThan(error);
  });
}

const withMoments: [string, () => D.Distribution][] = [
  ['Normal', () => new D.Normal(t([0, -3]), t([1, 0.5]))],
  ['LogNormal', () => new D.LogNormal(t([0, 1]), t([0.3, 0.1]))],
  ['HalfNormal', () => new D.HalfNormal(t([1, 3]))],
  ['StudentT', () => new D.StudentT(t([12, 30]), { loc: 1, scale: 2 })],
  ['Laplace', () => new D.Laplace(t([0, 5]), t([1, 0.2]))],
  ['Gumbel', () => new D.Gumbel(t([0, 5]), t([1, 0.2]))],
  ['Uniform', () => new D.Uniform(t([0, -5]), t([1, -2]))],
  ['Exponential', () => new D.Exponential(t([0.3, 4]))],
  ['Gamma', () => new D.Gamma(t([0.05, 0.7, 1, 30, 2000]), t([1, 2, 0.1, 4, 5]))],
  ['Chi2', () => new D.Chi2(t([1, 7]))],
  ['InverseGamma', () => new D.InverseGamma(t([9, 30]), t([1, 2]))],
  ['Weibull', () => new D.Weibull(t([1, 2]), t([1.5, 4]))],
  ['Pareto', () => new D.Pareto(t([1, 2]), t([12, 20]))],
  ['Beta', () => new D.Beta(t([0.02, 0.5, 3]), t([0.03, 0.5, 7]))],
  [
    'Dirichlet',
    () =>
      new D.Dirichlet(
        t([
          [0.1, 0.2, 0.3],
          [5, 1, 9],
        ]),
      ),
  ],
  ['Bernoulli', () => new D.Bernoulli({ probs: t([0, 0.2, 1]) })],
  ['Bernoulli of logits', () => new D.Bernoulli({ logits: t([-2, 0.5]) })],
  ['Geometric', () => new D.Geometric({ probs: t([0.05, 0.7, 1]) })],
  ['Binomial', () => new D.Binomial({ totalCount: t([0, 5, 100, 100, 5000]), probs: t([0.5, 0.3, 0.03, 0.9, 0.4]) })],
  ['NegativeBinomial', () => new D.NegativeBinomial(t([0.5, 4]), { probs: t([0.3, 0.8]) })],
  ['Poisson', () => new D.Poisson(t([0, 0.3, 9.9, 10.1, 400]))],
  [
    'OneHotCategorical',
    () =>
      new D.OneHotCategorical({
        probs: t([
          [1, 2, 0, 7],
          [1, 1, 1, 1],
        ]),
      }),
  ],
  [
    'Multinomial',
    () =>
      new D.Multinomial({
        totalCount: 20,
        probs: t([
          [1, 2, 7, 0],
          [1, 1, 1, 1],
        ]),
      }),
  ],
  ['Independent', () => new D.Independent(new D.Normal(t([1, 2]), t([1, 2])), 1)],
  [
    'MixtureSameFamily',
    () =>
      new D.MixtureSameFamily(
        new D.Categorical({ probs: t([0.2, 0.8]) }),
        new D.Normal(
          t([
            [-3, 3],
            [0, 1],
          ]),
          t([
            [1, 0.5],
            [1, 1],
          ]),
        ),
      ),
  ],
];
test.each(withMoments)('%s: mean and variance of samples', (_, make) => {
  ft.manualSeed(7);
  checkMoments(make());
});

test.each([
  ['Cauchy', () => new D.Cauchy(t(1), t(2))],
  ['HalfCauchy', () => new D.HalfCauchy(t(2))],
] as [string, () => D.Distribution][])('%s: half of the samples lie below the median', (_, make) => {
  ft.manualSeed(3);
  const d = make();
  const n = 10000;
  const below = ft.itemSync(
    d
      .sample([n])
      .lt(d.icdf(t(0.5)))
      .sum(),
  );
  expect(Math.abs(below - n / 2)).toBeLessThan(2.5 * Math.sqrt(n));
});

test('Categorical: frequencies of classes, none of probability 0', () => {
  ft.manualSeed(1);
  const n = 20000;
  const probs = [0.5, 0, 0.2, 0.3];
  const x = new D.Categorical({ probs: t(probs) }).sample([n]);
  expect(x.dtype).toBe('int64');
  probs.forEach((p, k) => {
    const count = ft.itemSync(x.eq(k).sum());
    expect(Math.abs(count - n * p)).toBeLessThanOrEqual(5 * Math.sqrt(n * p * (1 - p)));
  });
});

test('VonMises: mean direction and length of samples, for small and large concentrations', () => {
  ft.manualSeed(2);
  const n = 20000;
  for (const k of [1e-4, 0.5, 4, 200]) {
    const d = new D.VonMises(t(1), t(k));
    const x = d.sample([n]);
    const [c, s] = [x.sub(1).cos().mean(), x.sub(1).sin().mean()].map((v) => ft.itemSync(v));
    expect(Math.abs(c - (1 - ft.itemSync(d.variance)))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(s)).toBeLessThan(5 / Math.sqrt(n));
  }
});

test.each([...withMoments, ['VonMises', () => new D.VonMises(0, 1)] as [string, () => D.Distribution]])(
  '%s: a seed gives the same samples for any number of threads, and a generator of its own leaves the default alone',
  (_, make) => {
    const d = make();
    const threads = ft.threads();
    const draw = (): number[] => {
      ft.manualSeed(5);
      return numbers(d.sample([300]));
    };
    const first = draw();
    ft.setThreads(1);
    expect(draw()).toEqual(first);
    ft.setThreads(threads);
    const before = ft.defaultGenerator.state();
    expect(numbers(d.sample([300], { generator: new ft.Generator(5) }))).toEqual(first);
    expect(ft.defaultGenerator.state()).toEqual(before);
  },
);

describe('gradients of samples', () => {
  /** E f'(x)·dx/dθ must be d E f(x)/dθ: here f(x) = x, whose mean is known. */
  test.each([
    ['Normal', (p: ft.Tensor) => new D.Normal(p, p.square())],
    ['Gamma', (p: ft.Tensor) => new D.Gamma(p, p.add(1))],
    ['Gamma of a small shape', (p: ft.Tensor) => new D.Gamma(p.mul(0.05), 1)],
    ['Beta', (p: ft.Tensor) => new D.Beta(p, 2)],
    ['Exponential', (p: ft.Tensor) => new D.Exponential(p)],
    ['Weibull', (p: ft.Tensor) => new D.Weibull(p, 3)],
    ['Gumbel', (p: ft.Tensor) => new D.Gumbel(p, p)],
    ['StudentT', (p: ft.Tensor) => new D.StudentT(20, { loc: p, scale: p })],
    ['InverseGamma', (p: ft.Tensor) => new D.InverseGamma(p.add(8), 1)],
  ] as [string, (p: ft.Tensor) => D.Distribution][])('%s: on average that of the mean', (_, make) => {
    ft.manualSeed(11);
    const n = 20000;
    const p = t(new Array(n).fill(1.3)).requiresGrad_();
    const [g] = ft.grad(make(p).rsample().sum(), p) as [ft.Tensor];
    const q = t(1.3).requiresGrad_();
    const [want] = ft.grad(make(q).mean, q) as [ft.Tensor];
    const list = numbers(g);
    const mean = list.reduce((a, b) => a + b, 0) / n;
    const variance = list.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    expect(Math.abs(mean - ft.itemSync(want))).toBeLessThan(5 * Math.sqrt(variance / n) + 1e-9);
  });

  test('Dirichlet: samples sum to 1, so their gradients sum to 0', () => {
    ft.manualSeed(1);
    const c = t([0.5, 2, 3]).requiresGrad_();
    const x = new D.Dirichlet(c).rsample([4]);
    const [g] = ft.grad(x.sum(), c) as [ft.Tensor];
    for (const v of numbers(g)) expect(Math.abs(v)).toBeLessThan(1e-12);
  });

  test('Gamma: the gradient holds the quantile: cdf(sample) does not move with the shape', () => {
    ft.manualSeed(4);
    for (const a of [0.2, 0.5, 1, 3, 50, 3000]) {
      const shape = t(new Array(6).fill(a)).requiresGrad_();
      const x = new D.Gamma(shape, 1).rsample();
      const [slope] = ft.grad(x.sum(), shape) as [ft.Tensor];
      const h = 1e-6 * a;
      const moved = (withX: number): number[] => {
        const at = (e: number): ft.Tensor => ft.igamma(shape.detach().add(e), x.detach().add(slope.mul(e * withX)));
        return numbers(at(h).sub(at(-h)));
      };
      const [held, free] = [moved(1), moved(0)];
      held.forEach((v, i) => {
        expect(Math.abs(v), `shape ${a}, sample ${ft.numbersSync(x)[i]}`).toBeLessThan(1e-4 * Math.abs(free[i]) + 1e-12);
      });
    }
  });

  test('sample carries no gradient, rsample of a discrete distribution is refused', () => {
    const p = t(0.3).requiresGrad_();
    expect(new D.Gamma(p, 1).sample().requiresGrad).toBe(false);
    expect(() => new D.Bernoulli({ probs: p }).rsample()).toThrow(/rsample/);
    expect(() => new D.Poisson(p).rsample()).toThrow(ft.FathomError);
  });

  test('second derivatives of gamma samples are refused', () => {
    const a = t(2).requiresGrad_();
    expect(() => ft.grad(new D.Gamma(a, 1).rsample(), a, { createGraph: true })).toThrow(ft.GradError);
  });
});
