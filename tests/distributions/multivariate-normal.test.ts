// Multivariate normal distributions: the forms of the covariances agree, samples have them, shapes and errors.
import { describe, expect, test } from 'vitest';
import * as D from '../../src/distributions/index.ts';
import * as ft from '../../src/index.ts';

const t = (v: ft.TensorData): ft.Tensor => ft.tensor(v, { dtype: 'float64' });
const close = (a: ft.Tensor, b: ft.Tensor, tolerance = 1e-10): void => {
  expect(a.shape).toEqual(b.shape);
  const want = ft.numbersSync(b);
  ft.numbersSync(a).forEach((v, i) => {
    expect(Math.abs(v - want[i])).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want[i])));
  });
};
const loc = t([1, -2, 0.5]);
const W = t([
  [1, 0.2],
  [0.3, -1],
  [0.5, 0.5],
]);
const diagonal = t([0.5, 1, 2]);
const covariance = W.matmul(W.T).add(ft.diag(diagonal));

describe('forms of the covariances', () => {
  const L = ft.linalg.cholesky(covariance);
  const all: [string, D.MultivariateNormal | D.LowRankMultivariateNormal][] = [
    ['covarianceMatrix', new D.MultivariateNormal(loc, { covarianceMatrix: covariance })],
    ['precisionMatrix', new D.MultivariateNormal(loc, { precisionMatrix: ft.linalg.inv(covariance) })],
    ['scaleTril', new D.MultivariateNormal(loc, { scaleTril: L })],
    ['low rank', new D.LowRankMultivariateNormal(loc, W, diagonal)],
  ];
  const x = t([
    [0, 0, 0],
    [1, -2, 0.5],
    [3, 1, -1],
  ]);
  // the definition, with the inverse and the determinant
  const d = x.sub(loc);
  const want = d
    .matmul(ft.linalg.inv(covariance))
    .mul(d)
    .sum(-1)
    .add(ft.linalg.det(covariance).log())
    .add(3 * Math.log(2 * Math.PI))
    .mul(-0.5);
  test.each(all)('%s: log-probabilities, variances and entropy', (_, p) => {
    close(p.logProb(x), want, 1e-9);
    close(p.variance, ft.diag(covariance), 1e-9);
    close(p.covarianceMatrix, covariance, 1e-9);
    close(
      p.entropy(),
      ft.linalg
        .det(covariance)
        .log()
        .add(3 * (1 + Math.log(2 * Math.PI)))
        .mul(0.5),
      1e-9,
    );
  });
  test.each(all)('%s: samples have the mean and the covariances', (_, p) => {
    ft.manualSeed(5);
    const n = 20000;
    const s = p.sample([n]);
    expect(s.shape).toEqual([n, 3]);
    const c = s.sub(s.mean(0));
    const got = ft.numbersSync(c.T.matmul(c).div(n).contiguous());
    const variance = ft.numbersSync(ft.diag(covariance));
    ft.numbersSync(s.mean(0)).forEach((m, i) => {
      expect(Math.abs(m - ft.numbersSync(loc)[i])).toBeLessThan(5 * Math.sqrt(variance[i] / n));
    });
    // the variance of a product of normal numbers is at most 2·var·var
    ft.numbersSync(covariance).forEach((v, i) => {
      expect(Math.abs(got[i] - v)).toBeLessThan(5 * Math.sqrt((2 * variance[i % 3] * variance[Math.floor(i / 3)]) / n));
    });
  });
});

test('batches broadcast, expand, and take values of any leading shape', () => {
  const batch = new D.MultivariateNormal(ft.zeros([4, 1, 2], { dtype: 'float64' }), {
    scaleTril: ft.eye(2, { dtype: 'float64' }).mul(t([[[1]], [[2]], [[3]]])),
  });
  expect([batch.batchShape, batch.eventShape]).toEqual([[4, 3], [2]]);
  expect(batch.sample([5]).shape).toEqual([5, 4, 3, 2]);
  expect(batch.logProb(ft.ones([6, 1, 1, 2], { dtype: 'float64' })).shape).toEqual([6, 4, 3]);
  const one = new D.MultivariateNormal(loc, { covarianceMatrix: covariance });
  const wide = one.expand([2, 2]);
  close(wide.logProb(loc), one.logProb(loc).expand([2, 2]).contiguous());
  close(new D.LowRankMultivariateNormal(loc, W, diagonal).expand([2]).entropy(), one.entropy().expand([2]).contiguous(), 1e-9);
});

test('gradients reach the covariances through samples', () => {
  ft.manualSeed(1);
  const L = ft.linalg.cholesky(covariance).requiresGrad_();
  const sample = new D.MultivariateNormal(loc, { scaleTril: L }).rsample();
  sample.sum().backward();
  // x = loc + L z: the gradient's row i is z, above the diagonal too as PyTorch has it
  const z = ft.linalg.solveTriangular(L.detach(), sample.detach().sub(loc).unsqueeze(-1), { upper: false }).squeeze(-1);
  close((L.grad as ft.Tensor).select(0, 2), z, 1e-9);
});

test('klDivergence agrees with the mean of the log-ratio of samples', () => {
  ft.manualSeed(2);
  const p = new D.MultivariateNormal(loc, { covarianceMatrix: covariance });
  const q = new D.MultivariateNormal(t([0, 0, 0]), { scaleTril: ft.eye(3, { dtype: 'float64' }).mul(2) });
  const x = p.sample([20000]);
  const ratio = p.logProb(x).sub(q.logProb(x));
  const error = Math.sqrt(ft.itemSync(ratio.sub(ratio.mean()).square().mean()) / 20000);
  expect(Math.abs(ft.itemSync(ratio.mean()) - ft.itemSync(D.klDivergence(p, q)))).toBeLessThan(5 * error);
});

test('wrong covariances say what was expected', () => {
  expect(() => new D.MultivariateNormal(loc, {})).toThrow(/exactly one/);
  expect(() => new D.MultivariateNormal(loc, { covarianceMatrix: ft.eye(2, { dtype: 'float64' }) })).toThrow(/must be \[3, 3\]/);
  expect(() => new D.MultivariateNormal(loc, { covarianceMatrix: covariance.neg() })).toThrow(/positive definite/);
  expect(() => new D.MultivariateNormal(loc, { covarianceMatrix: covariance.add(ft.triu(covariance)) })).toThrow(/positive definite/);
  expect(() => new D.MultivariateNormal(loc, { scaleTril: covariance })).toThrow(/lower triangular/);
  expect(() => new D.LowRankMultivariateNormal(loc, W, diagonal.neg())).toThrow(/covDiag must be above 0/);
  expect(() => new D.LowRankMultivariateNormal(loc, W.T, diagonal)).toThrow(ft.ShapeError);
});
