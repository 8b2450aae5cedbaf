// Shapes, checks, composition and transforms of distributions. Values and gradients of the formulas are in the golden cases.
import { describe, expect, test } from 'vitest';
import * as D from '../../src/distributions/index.ts';
import * as ft from '../../src/index.ts';

const t = (v: ft.TensorData, dtype: ft.DType = 'float64'): ft.Tensor => ft.tensor(v, { dtype });
const values = (x: ft.Tensor): number[] => ft.numbersSync(x);
const close = (a: ft.Tensor, b: ft.Tensor, tolerance = 1e-10): void => {
  expect(a.shape).toEqual(b.shape);
  const want = values(b);
  values(a).forEach((v, i) => {
    expect(Math.abs(v - want[i])).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want[i])));
  });
};

describe('shapes', () => {
  test('parameters broadcast to the batch shape; numbers take the dtype of the tensors', () => {
    const d = new D.Normal(t([[0], [1]]), t([1, 2, 3]));
    expect([d.batchShape, d.eventShape]).toEqual([[2, 3], []]);
    expect(d.sample([5]).shape).toEqual([5, 2, 3]);
    expect(new D.Normal(0, t([1])).dtype).toBe('float64');
    expect(new D.Normal(0, 1).sample().dtype).toBe('float32');
    expect(new D.Normal(0, 1).sample().shape).toEqual([]);
    expect(() => new D.Normal(t([1, 2]), t([1, 2, 3]))).toThrow(ft.ShapeError);
  });

  test('event dimensions: Dirichlet, Multinomial and OneHotCategorical have vectors, Categorical has numbers', () => {
    const p = t([
      [1, 2, 3],
      [3, 2, 1],
    ]);
    expect([new D.Dirichlet(p).batchShape, new D.Dirichlet(p).eventShape]).toEqual([[2], [3]]);
    expect(new D.Multinomial({ totalCount: 4, probs: p }).sample([5]).shape).toEqual([5, 2, 3]);
    expect(new D.OneHotCategorical({ probs: p }).sample([5]).shape).toEqual([5, 2, 3]);
    expect(new D.Categorical({ probs: p }).sample([5, 4]).shape).toEqual([5, 4, 2]);
    expect(new D.Categorical({ probs: p }).logProb(t([[0], [2], [1]], 'int64')).shape).toEqual([3, 2]);
  });

  test('expand: the batch grows, values and probabilities follow', () => {
    const all: D.Distribution[] = [
      new D.Normal(t([0, 1]), 1),
      new D.Bernoulli({ logits: t([0, 1]) }),
      new D.Dirichlet(
        t([
          [1, 2, 3],
          [1, 1, 1],
        ]),
      ),
      new D.Categorical({
        probs: t([
          [1, 2],
          [3, 4],
        ]),
      }),
      new D.Independent(
        new D.Normal(
          t([
            [0, 1, 2],
            [3, 4, 5],
          ]),
          1,
        ),
        1,
      ),
      new D.MixtureSameFamily(
        new D.Categorical({
          probs: t([
            [1, 2],
            [3, 4],
          ]),
        }),
        new D.Normal(
          t([
            [0, 1],
            [2, 3],
          ]),
          1,
        ),
      ),
      new D.TransformedDistribution(new D.Normal(t([0, 1]), 1), new D.ExpTransform()),
      new D.StudentT(t([5, 6])),
    ];
    for (const d of all) {
      const e = d.expand([3, 2]);
      expect(e).toBeInstanceOf(d.constructor);
      expect([d.batchShape, e.batchShape, e.eventShape]).toEqual([[2], [3, 2], d.eventShape]);
      const x = d.sample();
      close(e.logProb(x), d.logProb(x).expand([3, 2]).contiguous());
      expect(e.sample([4]).shape).toEqual([4, 3, 2, ...d.eventShape]);
    }
  });

  test('enumerateSupport: all values, with batch dimensions of 1 or of the batch', () => {
    const d = new D.Categorical({
      probs: t([
        [1, 2, 3],
        [3, 2, 1],
      ]),
    });
    expect(d.enumerateSupport().shape).toEqual([3, 2]);
    expect(d.enumerateSupport({ expand: false }).shape).toEqual([3, 1]);
    close(d.logProb(d.enumerateSupport()).exp().sum(0), t([1, 1]));
    const hot = new D.OneHotCategorical({
      probs: t([
        [1, 2, 3],
        [3, 2, 1],
      ]),
    });
    close(hot.logProb(hot.enumerateSupport()).exp().sum(0), t([1, 1]));
    const b = new D.Binomial({ totalCount: 4, probs: t([0.2, 0.7]) });
    close(
      b
        .logProb(b.enumerateSupport({ expand: false }))
        .exp()
        .sum(0),
      t([1, 1]),
    );
    expect(() => new D.Binomial({ totalCount: t([3, 4]), probs: 0.5 }).enumerateSupport()).toThrow(/totalCount differs/);
    expect(() => new D.Normal(0, 1).enumerateSupport()).toThrow(/enumerateSupport/);
  });
});

describe('checks', () => {
  test('a parameter out of range is a ValueError that names it and shows the value', () => {
    expect(() => new D.Normal(0, t([1, -2]))).toThrow(/Normal: scale must be above 0.*-2 at flat position 1/);
    expect(() => new D.Normal(Number.NaN, 1)).toThrow(ft.ValueError);
    expect(() => new D.Bernoulli({ probs: 1.5 })).toThrow(/probs must be from 0 to 1/);
    expect(() => new D.Categorical({ probs: t([0.5, -0.5, 1]) })).toThrow(/probs/);
    expect(() => new D.Categorical({ probs: t([0, 0]) })).toThrow(ft.ValueError);
    expect(() => new D.Uniform(1, 1)).toThrow(/low must be below high/);
    expect(() => new D.Geometric({ probs: 0 })).toThrow(/above 0/);
    expect(() => new D.Binomial({ totalCount: 2.5, probs: 0.5 })).toThrow(/totalCount/);
    expect(() => new D.Multinomial({ totalCount: -1, probs: t([1]) })).toThrow(/totalCount/);
  });
  test('exactly one of probs and logits', () => {
    expect(() => new D.Bernoulli({})).toThrow(/either probs or logits/);
    expect(() => new D.Categorical({ probs: t([1]), logits: t([1]) })).toThrow(/either probs or logits/);
  });
  test('a value outside of the support is a ValueError, of another shape a ShapeError', () => {
    expect(() => new D.Exponential(1).logProb(t([1, -1]))).toThrow(/Exponential.logProb: the value must be at least 0/);
    expect(() => new D.Poisson(1).logProb(1.5)).toThrow(/whole number/);
    expect(() => new D.Categorical({ probs: t([1, 2]) }).logProb(2)).toThrow(/from 0 to 1/);
    expect(() => new D.Multinomial({ totalCount: 3, probs: t([1, 2]) }).logProb(t([1, 1]))).toThrow(/sum to 3/);
    expect(() => new D.Dirichlet(t([1, 2])).logProb(t([0.5, 0.2, 0.3]))).toThrow(ft.ShapeError);
    expect(() => new D.Normal(t([1, 2]), 1).logProb(t([1, 2, 3]))).toThrow(ft.ShapeError);
    expect(() => new D.Normal(0, 1).icdf(2)).toThrow(/from 0 to 1/);
  });
  test('validateArgs: false leaves everything unchecked', () => {
    expect(values(new D.Normal(0, -1, { validateArgs: false }).mean)).toEqual([0]);
    expect(values(new D.Uniform(0, 1, { validateArgs: false }).logProb(2))).toEqual([Number.NEGATIVE_INFINITY]);
    D.Distribution.setDefaultValidateArgs(false);
    try {
      expect(new D.Normal(0, -1).validateArgs).toBe(false);
    } finally {
      D.Distribution.setDefaultValidateArgs(true);
    }
  });
  test('what has no known form says so', () => {
    expect(() => new D.Poisson(1).entropy()).toThrow(/Poisson: entropy has no known form/);
    expect(() => new D.Beta(1, 2).cdf(0.5)).toThrow(/cdf/);
  });
});

test('cdf and icdf are inverse to each other', () => {
  const p = t([0.01, 0.3, 0.5, 0.9]);
  const all = [
    new D.Normal(1, t(2)),
    new D.LogNormal(0.1, t(0.4)),
    new D.HalfNormal(t(2)),
    new D.Laplace(1, t(2)),
    new D.Cauchy(1, t(2)),
    new D.HalfCauchy(t(2)),
    new D.Gumbel(1, t(2)),
    new D.Uniform(-1, t(3)),
    new D.Exponential(t(0.4)),
    new D.Weibull(2, t(1.5)),
    new D.Pareto(2, t(3)),
  ];
  for (const d of all) close(d.cdf(d.icdf(p)), p, 1e-9);
});

test('densities are the derivatives of the distribution functions', () => {
  const x = t([0.4, 1.3, 2.2]).requiresGrad_();
  for (const d of [
    new D.HalfCauchy(t(2)),
    new D.InverseGamma(t(2), 3),
    new D.Pareto(t(0.2), 3),
    new D.Gamma(t(2), 1.5),
    new D.LogNormal(0, t(1)),
  ]) {
    const [g] = ft.grad(d.cdf(x).sum(), x) as [ft.Tensor];
    close(d.logProb(x.detach()).exp(), g, 1e-8);
  }
});

describe('made of others', () => {
  test('Independent: log-probabilities and entropies are summed over the event', () => {
    const base = new D.Normal(
      t([
        [0, 1, 2],
        [3, 4, 5],
      ]),
      1,
    );
    const d = new D.Independent(base, 1);
    expect([d.batchShape, d.eventShape]).toEqual([[2], [3]]);
    const x = d.sample([4]);
    close(d.logProb(x), base.logProb(x).sum(-1));
    close(d.entropy(), base.entropy().sum(-1));
    expect(() => new D.Independent(base, 3)).toThrow(ft.ValueError);
  });
  test('MixtureSameFamily: probabilities are weighted sums', () => {
    const d = new D.MixtureSameFamily(new D.Categorical({ probs: t([0.25, 0.75]) }), new D.Normal(t([0, 4]), t([1, 2])));
    const x = t([-1, 0.5, 3]);
    const parts = [new D.Normal(0, t(1)), new D.Normal(4, t(2))];
    close(d.logProb(x).exp(), parts[0].logProb(x).exp().mul(0.25).add(parts[1].logProb(x).exp().mul(0.75)));
    close(d.cdf(x), parts[0].cdf(x).mul(0.25).add(parts[1].cdf(x).mul(0.75)));
    const vector = new D.MixtureSameFamily(
      new D.Categorical({ probs: t([1, 1, 2]) }),
      new D.Independent(new D.Normal(ft.zeros([3, 2], { dtype: 'float64' }), 1), 1),
    );
    expect([vector.batchShape, vector.eventShape, vector.sample([5]).shape]).toEqual([[], [2], [5, 2]]);
    expect(vector.mean.shape).toEqual([2]);
    expect(() => new D.MixtureSameFamily(new D.Categorical({ probs: t([1, 1]) }), new D.Normal(t([0, 1, 2]), 1))).toThrow(ft.ShapeError);
  });
  test('TransformedDistribution: an exponential of a normal is log-normal', () => {
    const [a, b] = [new D.TransformedDistribution(new D.Normal(t(0.3), 0.5), [new D.ExpTransform()]), new D.LogNormal(t(0.3), 0.5)];
    const x = t([0.2, 1, 3]);
    close(a.logProb(x), b.logProb(x));
    close(a.cdf(x), b.cdf(x));
    close(a.icdf(t(0.2)), b.icdf(t(0.2)));
    expect(() => a.logProb(-1)).toThrow(/above 0/);
  });
  test('TransformedDistribution: a falling transform turns the distribution function around', () => {
    const d = new D.TransformedDistribution(new D.Normal(t(0), 1), new D.AffineTransform(1, -2));
    const want = new D.Normal(t(1), 2);
    close(d.cdf(t([-1, 0, 2])), want.cdf(t([-1, 0, 2])));
    close(d.logProb(t([-1, 0, 2])), want.logProb(t([-1, 0, 2])));
  });
  test('TransformedDistribution: a transform of vectors makes a batch dimension the event', () => {
    const d = new D.TransformedDistribution(new D.Normal(ft.zeros([4, 2], { dtype: 'float64' }), 1), new D.StickBreakingTransform());
    expect([d.batchShape, d.eventShape]).toEqual([[4], [3]]);
    const x = d.sample([5]);
    expect(x.shape).toEqual([5, 4, 3]);
    close(x.sum(-1), ft.ones([5, 4], { dtype: 'float64' }));
    expect(d.logProb(x).shape).toEqual([5, 4]);
  });
});

describe('transforms', () => {
  const all: [D.Transform, ft.Tensor][] = [
    [new D.ExpTransform(), t([-1, 0.5, 2])],
    [new D.SigmoidTransform(), t([-1, 0.5, 2])],
    [new D.TanhTransform(), t([-1, 0.5, 2])],
    [new D.SoftplusTransform(), t([-1, 0.5, 2])],
    [new D.AffineTransform(t(2), t(-3)), t([-1, 0.5, 2])],
    [new D.AffineTransform(1, 3), t([-1, 0.5, 2])],
    [new D.PowerTransform(-1.5), t([0.3, 0.5, 2])],
    [new D.AbsTransform(), t([0.3, 0.5, 2])],
    [new D.ExpTransform().inv, t([0.3, 0.5, 2])],
    [new D.ComposeTransform([new D.AffineTransform(1, 2), new D.SigmoidTransform(), new D.PowerTransform(2)]), t([-1, 0.5, 2])],
  ];
  test.each(all.map(([f, x]) => [String(f), f, x] as const))('%s: inverse and derivative', (_, f, x) => {
    const leaf = x.clone().requiresGrad_();
    const y = f.call(leaf);
    close(f.inverse(y), x, 1e-9);
    const [g] = ft.grad(y.sum(), leaf) as [ft.Tensor];
    close(f.logAbsDetJacobian(x, y), g.abs().log(), 1e-9);
  });
  test('StickBreakingTransform: inverse, and the determinant of the first k outputs', () => {
    const f = new D.StickBreakingTransform();
    const x = t([0.3, -0.7]).requiresGrad_();
    const y = f.call(x);
    close(f.inverse(y), x);
    const rows = [0, 1].map((i) => values((ft.grad(y.select(0, i), x, { retainGraph: true }) as [ft.Tensor])[0]));
    const determinant = rows[0][0] * rows[1][1] - rows[0][1] * rows[1][0];
    expect(ft.itemSync(f.logAbsDetJacobian(x, y))).toBeCloseTo(Math.log(Math.abs(determinant)), 10);
  });
});

describe('klDivergence', () => {
  test('is 0 between equal distributions and positive between others', () => {
    const makes: ((v: number) => D.Distribution)[] = [
      (v) => new D.Normal(t(v), v),
      (v) => new D.LogNormal(t(v), v),
      (v) => new D.Pareto(t(1), v),
      (v) => new D.Chi2(t(v)),
      (v) => new D.Geometric({ probs: t(v / 4) }),
      (v) => new D.OneHotCategorical({ probs: t([v, 1]) }),
      (v) => new D.Independent(new D.Normal(t([v, 1]), 1), 1),
    ];
    for (const make of makes) {
      expect(Math.abs(ft.itemSync(D.klDivergence(make(1.5), make(1.5))))).toBeLessThan(1e-12);
      expect(ft.itemSync(D.klDivergence(make(1.5), make(0.7)))).toBeGreaterThan(0.001);
    }
  });
  test('agrees with the mean of the log-ratio of samples', () => {
    ft.manualSeed(3);
    const [p, q] = [new D.Weibull(t(1), 2), new D.Normal(t(1), 1)];
    expect(() => D.klDivergence(p, q)).toThrow(/Weibull and Normal.*registerKl/);
    const [a, b] = [new D.Gumbel(t(0), 1), new D.Gumbel(t(1), 2)];
    const x = a.sample([20000]);
    const ratio = a.logProb(x).sub(b.logProb(x));
    const error = Math.sqrt(ft.itemSync(ratio.sub(ratio.mean()).square().mean()) / 20000);
    expect(Math.abs(ft.itemSync(ratio.mean()) - ft.itemSync(D.klDivergence(a, b)))).toBeLessThan(5 * error);
  });
  test('a registered pair is used for subclasses, the nearest one first', () => {
    class Mine extends D.Normal {}
    class Other extends Mine {}
    D.registerKl(Mine, D.Normal, () => t(42));
    expect(ft.itemSync(D.klDivergence(new Other(0, 1), new D.Normal(0, 1)))).toBe(42);
    expect(ft.itemSync(D.klDivergence(new D.Normal(0, 1), new Mine(0, 1)))).toBe(0);
  });
  test('a support that is not covered makes it infinite', () => {
    expect(ft.itemSync(D.klDivergence(new D.Normal(0, 1), new D.Exponential(1)))).toBe(Number.POSITIVE_INFINITY);
    expect(ft.itemSync(D.klDivergence(new D.Uniform(0, 2), new D.Uniform(0, 1)))).toBe(Number.POSITIVE_INFINITY);
  });
});

test('printing shows the parameters', () => {
  expect(String(new D.Normal(0, t([1, 2])))).toBe('Normal(loc: [2], scale: [2])');
  expect(String(new D.Independent(new D.Poisson(t([1, 2])), 1))).toBe('Independent(Poisson(rate: [2]), 1)');
});
