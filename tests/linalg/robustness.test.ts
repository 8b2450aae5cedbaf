// Matrices on which textbook iterations stall, underflow or lose orthogonality: every factorisation still multiplies back to its matrix.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const { linalg } = ft;
const eye = (n: number): ft.Tensor => ft.eye(n, { dtype: 'float64' });
const largest = (x: ft.Tensor): number => x.abs().amax().itemSync();
ft.manualSeed(3);

const matrices: [string, ft.Tensor][] = [1, 2, 3, 6, 23, 40].flatMap((n): [string, ft.Tensor][] => {
  const r = ft.randn([n, n], { dtype: 'float64' });
  return [
    [`random of order ${n}`, r],
    [`elements near 1e-200, order ${n}`, r.mul(1e-200)],
    [`elements near 1e150, order ${n}`, r.mul(1e150)],
    [`rank 1, order ${n}`, r.slice(1, 0, 1).matmul(r.slice(0, 0, 1))],
    [`zeros of order ${n}`, ft.zerosLike(r)],
    [`ones of order ${n}`, ft.onesLike(r)],
    [`one Jordan block of order ${n}`, eye(n).add(n > 1 ? ft.diag(ft.ones([n - 1], { dtype: 'float64' }), { diagonal: 1 }) : 0)],
    [`cyclic permutation of order ${n}`, ft.roll(eye(n), 1, { dims: 0 })],
    [`skew-symmetric of order ${n}`, r.sub(r.mT)],
    [`columns that fall by powers of ten, order ${n}`, r.mul(ft.pow(10, ft.arange(n, { dtype: 'float64' }).mul(-0.5)))],
  ];
});

describe.each(matrices)('%s', (_, A) => {
  const n = A.shape[0];
  // powers of two change no digit
  const scale = 2 ** Math.floor(Math.log2(largest(A) || 1));
  const unit = A.div(scale);
  const orthonormal = (Q: ft.Tensor): void => expect(largest(Q.mT.matmul(Q).sub(eye(n)))).toBeLessThan(1e-12);

  test('svd: orthogonal factors, values that fall', () => {
    const { U, S, Vh } = linalg.svd(A);
    orthonormal(U);
    orthonormal(Vh);
    expect(largest(U.mul(S.div(scale)).matmul(Vh).sub(unit))).toBeLessThan(1e-12);
    const s = S.numbersSync();
    expect(s.every((v, i) => v >= 0 && (i === 0 || v <= s[i - 1]))).toBe(true);
  });

  test('eigh of A + Aᵀ and A Aᵀ: orthogonal eigenvectors, values that rise', () => {
    for (const M of [unit.add(unit.mT), unit.matmul(unit.mT)]) {
      const { eigenvalues, eigenvectors: V } = linalg.eigh(M.mul(scale));
      orthonormal(V);
      expect(largest(V.mul(eigenvalues.div(scale)).matmul(V.mT).sub(M))).toBeLessThan(1e-11);
      const w = eigenvalues.numbersSync();
      expect(w.every((v, i) => i === 0 || v >= w[i - 1])).toBe(true);
    }
  });

  test('eig: A V = V diag(w); complex eigenvalues come in exact conjugate pairs', () => {
    const { eigenvalues, eigenvectors: V } = linalg.eig(A);
    const [wr, wi] = [eigenvalues.real.div(scale), eigenvalues.imag.div(scale)];
    expect(largest(unit.matmul(V.real).sub(V.real.mul(wr)).add(V.imag.mul(wi)))).toBeLessThan(1e-11);
    expect(largest(unit.matmul(V.imag).sub(V.real.mul(wi)).sub(V.imag.mul(wr)))).toBeLessThan(1e-11);
    expect(wi.sum().itemSync()).toBeCloseTo(0, 12);
  });

  test('qr: Q is orthogonal and Q R is A', () => {
    const { Q, R } = linalg.qr(A);
    orthonormal(Q);
    expect(largest(Q.matmul(R.div(scale)).sub(unit))).toBeLessThan(1e-12);
  });
});

test('svd of rectangular matrices: constant ones, lost ranks, empty rows and columns', () => {
  const r = ft.randn([30, 29], { dtype: 'float64' });
  const few = r.narrow(1, 0, 4).matmul(r.narrow(0, 0, 4));
  for (const M of [
    ft.onesLike(r),
    few,
    few.sign(),
    r.mul(ft.tril(ft.ones([30, 29], { dtype: 'float64' }))),
    ft.eye(30, 29, { dtype: 'float64' }),
  ])
    for (const A of [M, M.mT, M.narrow(0, 0, 7)]) {
      const [m, n] = A.shape;
      const { U, S, Vh } = linalg.svd(A);
      expect(largest(U.mT.matmul(U).sub(eye(m)))).toBeLessThan(1e-12);
      expect(largest(Vh.matmul(Vh.mT).sub(eye(n)))).toBeLessThan(1e-12);
      const k = Math.min(m, n);
      expect(
        largest(
          U.narrow(1, 0, k)
            .mul(S)
            .matmul(Vh.narrow(0, 0, k))
            .sub(A),
        ),
      ).toBeLessThan(1e-11);
      expect(largest(linalg.svdvals(A).sub(S))).toBeLessThan(1e-11);
    }
});
