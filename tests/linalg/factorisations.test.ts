// Factorisations and solvers beyond the golden cases: residuals of larger systems, batches that broadcast, derivatives against differences, errors.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { checkGradients } from '../ops/gradients.ts';

const { linalg } = ft;
const random = (seed: number, shape: number[], dtype: ft.DType = 'float64'): ft.Tensor => {
  ft.manualSeed(seed);
  return ft.randn(shape, { dtype });
};
const positive = (seed: number, n: number, dtype: ft.DType = 'float64', batch: number[] = []): ft.Tensor => {
  const x = random(seed, [...batch, n, n], dtype);
  return x.matmul(x.mT).div(n).add(ft.eye(n, { dtype }).mul(0.1));
};
const largest = (x: ft.Tensor): number => x.abs().amax().itemSync();
/** max |got - want| over max |want|. */
const distance = (got: ft.Tensor, want: ft.Tensor): number => largest(got.sub(want)) / largest(want);

describe.each([
  ['float32', 2e-4],
  ['float64', 1e-11],
] as const)('systems of order 300 in %s', (dtype, tolerance) => {
  const n = 300;
  const A = random(1, [n, n], dtype);
  const S = positive(2, n, dtype);
  const B = random(3, [n, 7], dtype);

  test('cholesky: L Lᵀ and Uᵀ U give A back, and choleskySolve solves', () => {
    const L = linalg.cholesky(S);
    expect(distance(L.matmul(L.mT), S)).toBeLessThan(tolerance);
    const U = linalg.cholesky(S, { upper: true });
    expect(distance(U.mT.matmul(U), S)).toBeLessThan(tolerance);
    expect(distance(S.matmul(ft.choleskySolve(B, L)), B)).toBeLessThan(tolerance);
    expect(distance(S.matmul(ft.choleskyInverse(L)), ft.eye(n, { dtype }))).toBeLessThan(tolerance);
  });

  test('solve: A X = B, X A = B and one vector', () => {
    expect(distance(A.matmul(linalg.solve(A, B)), B)).toBeLessThan(tolerance * 10);
    expect(distance(linalg.solve(A, B.mT, { left: false }).matmul(A), B.mT)).toBeLessThan(tolerance * 10);
    const b = B.select(1, 0);
    expect(distance(A.matmul(linalg.solve(A, b)), b)).toBeLessThan(tolerance * 10);
  });

  test('lu: P L U is A, of square, tall and wide matrices', () => {
    for (const M of [A, A.narrow(1, 0, 90), A.narrow(0, 0, 90)]) {
      const { P, L, U } = linalg.lu(M);
      expect(distance(P.matmul(L.matmul(U)), M)).toBeLessThan(tolerance);
      const { LU, pivots } = linalg.luFactor(M);
      expect(distance(ft.luUnpack(LU, pivots).P, P)).toBe(0);
    }
  });

  test('qr: Q R is A and Q is orthonormal', () => {
    const { Q, R } = linalg.qr(A.narrow(1, 0, 120));
    expect(distance(Q.matmul(R), A.narrow(1, 0, 120))).toBeLessThan(tolerance);
    expect(distance(Q.mT.matmul(Q), ft.eye(120, { dtype }))).toBeLessThan(tolerance);
  });
});

describe('what factors promise', () => {
  const A = random(4, [2, 5, 3]);

  test('svd: full matrices are orthogonal and give A back, tall and wide', () => {
    for (const M of [A, A.mT]) {
      const { U, S, Vh } = linalg.svd(M);
      const [m, n] = M.shape.slice(-2);
      expect([U.shape, S.shape, Vh.shape]).toEqual([
        [2, m, m],
        [2, 3],
        [2, n, n],
      ]);
      expect(distance(U.mT.matmul(U), ft.eye(m, { dtype: 'float64' }).expand([2, m, m]))).toBeLessThan(1e-12);
      expect(distance(Vh.matmul(Vh.mT), ft.eye(n, { dtype: 'float64' }).expand([2, n, n]))).toBeLessThan(1e-12);
      const reduced = U.narrow(-1, 0, 3)
        .mul(S.unsqueeze(-2))
        .matmul(Vh.narrow(-2, 0, 3));
      expect(distance(reduced, M)).toBeLessThan(1e-12);
    }
  });

  test('eig: A V is V diag(w) with complex pairs and columns of length 1', () => {
    const M = ft.tensor([[0, -1, 0.5], [1, 0, 2], [0.3, 0.1, 3]], { dtype: 'float64' }); // biome-ignore format: a matrix
    const { eigenvalues: w, eigenvectors: V } = linalg.eig(M);
    expect(largest(w.imag)).toBeGreaterThan(0.5);
    const wr = w.real.unsqueeze(0);
    const wi = w.imag.unsqueeze(0);
    expect(largest(M.matmul(V.real).sub(V.real.mul(wr).sub(V.imag.mul(wi))))).toBeLessThan(1e-12);
    expect(largest(M.matmul(V.imag).sub(V.real.mul(wi).add(V.imag.mul(wr))))).toBeLessThan(1e-12);
    expect(distance(V.real.square().add(V.imag.square()).sum(0), ft.ones([3], { dtype: 'float64' }))).toBeLessThan(1e-12);
  });

  test('householderProduct of geqrf is Q', () => {
    const { a, tau } = ft.geqrf(A);
    expect(distance(linalg.householderProduct(a, tau), linalg.qr(A).Q)).toBeLessThan(1e-13);
  });

  test('luSolve: adjoint solves with Aᵀ, left: false from the right, batches broadcast', () => {
    const M = random(5, [2, 1, 4, 4]);
    const B = random(6, [3, 4, 2]);
    const { LU, pivots } = linalg.luFactor(M);
    expect(distance(M.matmul(linalg.luSolve(LU, pivots, B)), B.expand([2, 3, 4, 2]))).toBeLessThan(1e-12);
    expect(distance(M.mT.matmul(linalg.luSolve(LU, pivots, B, { adjoint: true })), B.expand([2, 3, 4, 2]))).toBeLessThan(1e-12);
    expect(distance(linalg.luSolve(LU, pivots, B.mT, { left: false }).matmul(M), B.mT.expand([2, 3, 2, 4]))).toBeLessThan(1e-12);
  });

  test('solve, solveTriangular and choleskySolve broadcast batches on either side', () => {
    const M = positive(7, 3, 'float64', [2, 1]);
    const B = random(8, [4, 3, 2]);
    const wide = B.expand([2, 4, 3, 2]);
    expect(distance(M.matmul(linalg.solve(M, B)), wide)).toBeLessThan(1e-12);
    const L = linalg.cholesky(M);
    expect(distance(L.matmul(linalg.solveTriangular(L, B, { upper: false })), wide)).toBeLessThan(1e-12);
    expect(distance(M.matmul(ft.choleskySolve(B, L)), wide)).toBeLessThan(1e-12);
  });

  test('lstsq: drivers decide which extra results are filled', () => {
    const M = random(9, [6, 2]);
    const B = random(10, [6, 3]);
    const full = linalg.lstsq(M, B, { driver: 'gelsd' });
    expect(distance(full.residuals, M.matmul(full.solution).sub(B).square().sum(0))).toBeLessThan(1e-12);
    expect([full.rank.itemSync(), full.singularValues.shape, full.residuals.shape]).toEqual([2, [2], [3]]);
    expect(linalg.lstsq(M, B).residuals.shape).toEqual([0]);
    expect(linalg.lstsq(M, B, { driver: 'gels' }).rank.shape).toEqual([0]);
    const vector = linalg.lstsq(M, B.select(1, 0)).solution;
    expect(distance(vector, full.solution.select(1, 0))).toBeLessThan(1e-12);
  });

  test('matrixExp: inverse of exp(A) is exp(-A) for small and large norms in one batch', () => {
    const M = ft.stack([random(11, [3, 3]).mul(0.01), random(12, [3, 3]).mul(6)]);
    const product = ft.matrixExp(M).matmul(ft.matrixExp(M.neg()));
    expect(distance(product, ft.eye(3, { dtype: 'float64' }).expand([2, 3, 3]))).toBeLessThan(1e-6);
    expect(distance(ft.matrixExp(ft.zeros([2, 2])), ft.eye(2))).toBe(0);
  });

  test('cond: Infinity for a singular matrix beside a regular one', () => {
    const M = ft.tensor([[[1, 2], [2, 4]], [[2, 0], [0, 1]]], { dtype: 'float64' }); // biome-ignore format: matrices
    expect(linalg.cond(M, { p: 1 }).toArraySync()).toEqual([Number.POSITIVE_INFINITY, 2]);
    expect(linalg.cond(ft.eye(4)).itemSync()).toBe(1);
  });
});

describe('derivatives', () => {
  const A = random(20, [4, 3]);
  const square = random(21, [3, 3]);

  test('qr: reduced of tall, square and wide matrices, complete of wide ones, r alone', () => {
    for (const M of [A, square, A.mT]) {
      checkGradients((x) => linalg.qr(x).Q, [M]);
      checkGradients((x) => linalg.qr(x).R, [M]);
      checkGradients((x) => linalg.qr(x, { mode: 'r' }).R, [M]);
      checkGradients((x) => linalg.qr(x).Q.sum().mul(linalg.qr(x).R), [M]);
    }
    checkGradients((x) => linalg.qr(x, { mode: 'complete' }).Q, [A.mT]);
  });

  test('svd: functions of U, S and Vh that do not depend on signs, tall and wide', () => {
    for (const M of [A, square, A.mT]) {
      checkGradients((x) => linalg.svd(x, { fullMatrices: false }).U.square(), [M]);
      checkGradients((x) => linalg.svd(x, { fullMatrices: false }).Vh.square(), [M]);
      checkGradients(
        (x) => {
          const { U, S, Vh } = linalg.svd(x, { fullMatrices: false });
          return U.mul(S.log().unsqueeze(-2)).matmul(Vh);
        },
        [M],
      );
    }
  });

  test('eigh: functions of the eigenvectors that do not depend on signs', () => {
    checkGradients((x) => linalg.eigh(x.add(x.mT)).eigenvectors.square(), [square]);
    checkGradients(
      (x) => {
        const { eigenvalues, eigenvectors } = linalg.eigh(x.add(x.mT));
        return eigenvectors.mul(eigenvalues.exp()).matmul(eigenvectors.mT);
      },
      [square],
    );
  });

  test('eig: eigenvalues, and magnitudes of eigenvectors, real and complex', () => {
    const turning = square.add(ft.tensor([[0, 4, 0], [-4, 0, 0], [0, 0, 0]], { dtype: 'float64' })); // biome-ignore format: a matrix
    expect(largest(linalg.eigvals(turning).imag)).toBeGreaterThan(1);
    for (const M of [square, turning]) {
      checkGradients((x) => linalg.eigvals(x).real, [M]);
      checkGradients((x) => linalg.eigvals(x).imag, [M]);
      checkGradients(
        (x) => {
          const { real, imag } = linalg.eig(x).eigenvectors;
          return real.square().add(imag.square());
        },
        [M],
      );
    }
  });

  test('householderProduct, luSolve, lstsq, matrixExp and the factors of lu', () => {
    const { a, tau } = ft.geqrf(A);
    checkGradients((x, t) => linalg.householderProduct(x, t), [a, tau]);
    const { LU, pivots } = linalg.luFactor(square);
    checkGradients((lu, b) => linalg.luSolve(lu, pivots, b), [LU, A.mT]);
    checkGradients((x, b) => linalg.lstsq(x, b).solution, [A, random(22, [4, 2])]);
    checkGradients((x) => ft.matrixExp(x), [square]);
    for (const M of [A, square, A.mT])
      checkGradients(
        (x) => {
          const { L, U } = linalg.lu(x);
          return L.sum().mul(U).add(L.square().sum());
        },
        [M],
      );
  });

  test('det: the cofactors where the matrix is singular, first and second derivative', () => {
    const singular = square.matmul(ft.diag(ft.tensor([1, 2, 0], { dtype: 'float64' }))).matmul(square);
    checkGradients((x) => linalg.det(x), [singular]);
    checkGradients((x) => linalg.det(x), [ft.zeros([1, 1], { dtype: 'float64' })]);
    const firstOf = (x: ft.Tensor): ft.Tensor => {
      const leaf = x.requiresGrad ? x : ft.clone(x).requiresGrad_();
      return ft.grad(linalg.det(leaf), leaf, { createGraph: true })[0] as ft.Tensor;
    };
    checkGradients(firstOf, [ft.diag(ft.tensor([1, 2, 0], { dtype: 'float64' }))]);
    checkGradients(firstOf, [square]);
  });

  test.each<[string, (x: ft.Tensor) => ft.Tensor, ft.Tensor]>([
    ['cholesky', (x) => linalg.cholesky(x.matmul(x.mT).add(ft.eye(3, { dtype: 'float64' }))), square],
    ['solve', (x) => linalg.solve(x, ft.ones([3, 2], { dtype: 'float64' })), square],
    ['slogdet', (x) => linalg.slogdet(x).logabsdet, square],
    ['pinv', (x) => linalg.pinv(x), A],
    ['qr', (x) => linalg.qr(x).R, A],
    ['eigvalsh', (x) => linalg.eigvalsh(x.add(x.mT)), square],
    ['svdvals', (x) => linalg.svdvals(x), A],
    ['matrixExp', (x) => ft.matrixExp(x), square],
    ['lu', (x) => linalg.lu(x).U, square],
  ])('%s: second derivatives', (_, fn, at) => {
    checkGradients(
      (x) => {
        const leaf = x.requiresGrad ? x : ft.clone(x).requiresGrad_();
        return ft.grad(fn(leaf).sin().sum(), leaf, { createGraph: true })[0] as ft.Tensor;
      },
      [at],
      { tolerance: 1e-4 },
    );
  });

  test('a graph that leaves a scope still has what backward needs', () => {
    const x = ft.clone(square).requiresGrad_();
    const y = ft.scope(() =>
      linalg
        .lu(x)
        .U.sum()
        .add(linalg.solve(x, ft.ones([3], { dtype: 'float64' })).sum()),
    );
    y.backward();
    expect(x.grad?.shape).toEqual([3, 3]);
  });
});

describe('errors', () => {
  const regular = ft.eye(2, { dtype: 'float64' });
  const singular = ft.zeros([2, 2], { dtype: 'float64' });

  test('cholesky names the matrix that is not positive definite and the minor; choleskyEx tells instead', () => {
    const A = ft.stack([regular, ft.tensor([[1, 2], [2, 1]], { dtype: 'float64' })]); // biome-ignore format: a matrix
    expect(() => linalg.cholesky(A)).toThrow(ft.LinAlgError);
    expect(() => linalg.cholesky(A)).toThrow(/matrix \[1\] of the batch \[2\].*leading minor of order 2/);
    expect(linalg.choleskyEx(A).info.toArraySync()).toEqual([0, 2]);
  });

  test('solve and inv name the singular matrix; slogdet refuses its derivative', () => {
    const A = ft.stack([regular, singular]);
    expect(() => linalg.inv(A)).toThrow(/inv: matrix \[1\] of the batch \[2\].*singular: pivot 1/);
    expect(() => linalg.solve(singular, ft.ones([2], { dtype: 'float64' }))).toThrow(ft.LinAlgError);
    const x = ft.clone(singular).requiresGrad_();
    const { sign, logabsdet } = linalg.slogdet(x);
    expect([sign.itemSync(), logabsdet.itemSync()]).toEqual([0, Number.NEGATIVE_INFINITY]);
    expect(() => logabsdet.backward()).toThrow(/use det/);
  });

  test('values that are not finite are refused where the algorithm iterates', () => {
    const A = ft.tensor([[1, Number.NaN], [0, 1]], { dtype: 'float64' }); // biome-ignore format: a matrix
    for (const f of [linalg.svd, linalg.svdvals, linalg.eigh, linalg.eig, linalg.qr]) expect(() => f(A)).toThrow(/holds NaN/);
  });

  test('shapes, dtypes and options say what was expected', () => {
    expect(() => linalg.det(ft.ones([2, 3]))).toThrow(/2 by 3, but must be square/);
    expect(() => linalg.inv(ft.ones([2, 2], { dtype: 'int64' }))).toThrow(ft.DTypeError);
    expect(() => linalg.solve(regular, ft.ones([3, 1], { dtype: 'float64' }))).toThrow(/must have 2 rows/);
    expect(() => linalg.solve(regular, ft.ones([2, 1]))).toThrow(/one dtype/);
    expect(() => linalg.solveTriangular(regular, regular, {} as { upper: boolean })).toThrow(/which triangle/);
    expect(() => linalg.qr(regular, { mode: 'full' as 'r' })).toThrow(/'reduced', 'complete' or 'r'/);
    expect(() => linalg.luFactor(regular, { pivot: false })).toThrow(/pivot/);
    const x = random(30, [4, 2]).requiresGrad_();
    expect(() => linalg.qr(x, { mode: 'complete' }).Q.sum().backward()).toThrow(ft.GradError);
    expect(() => linalg.svd(x).U.sum().backward()).toThrow(/fullMatrices: false/);
  });
});
