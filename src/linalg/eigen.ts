// Eigenvalues and eigenvectors (ml-matrix on the host, in double precision): symmetric matrices, and general ones with complex results as pairs of real tensors.

import { EigenvalueDecomposition } from 'ml-matrix';
import { mustRecord, record } from '../autograd/node.ts';
import { diagEmbed } from '../ops/create-more.ts';
import { add, div, mul, neg, square, sub } from '../ops/elementwise.ts';
import { cat } from '../ops/join.ts';
import { matmul } from '../ops/matmul.ts';
import { sum } from '../ops/reduce.ts';
import { narrow, unsqueeze } from '../ops/view.ts';
import { ValueError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkSquare, fromHost, identityLike, mT, toHost } from './common.ts';
import { solve } from './solve.ts';
import { rowsOf, writeMatrix } from './svd.ts';

export interface EighOptions {
  /** Which triangle of the symmetric A is read: 'L' the lower one, 'U' the upper one. */
  UPLO?: 'L' | 'U';
}

/** The matrix whose two triangles are the named one of `a`. */
function symmetric(a: Float64Array, n: number, upper: boolean): Float64Array {
  const out = a.slice();
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      if (upper) out[i * n + j] = out[j * n + i];
      else out[j * n + i] = out[i * n + j];
    }
  return out;
}

/** A = V diag(w) Vᵀ for symmetric A [..., n, n]: eigenvalues w [..., n] rising, orthonormal columns V. The gradient through V needs distinct eigenvalues. */
export function eigh(A: Tensor, { UPLO = 'L' }: EighOptions = {}): { eigenvalues: Tensor; eigenvectors: Tensor } {
  checkSquare('eigh', A);
  if (UPLO !== 'L' && UPLO !== 'U') throw new ValueError(`eigh: UPLO '${String(UPLO)}' is unknown; use 'L' or 'U'`);
  const host = toHost('eigh', A);
  const n = host.rows;
  const w = new Float64Array(host.count * n);
  const v = new Float64Array(host.count * n * n);
  for (let b = 0; b < host.count && n > 0; b++) {
    const d = new EigenvalueDecomposition(rowsOf(symmetric(host.at(b), n, UPLO === 'U'), n, n), { assumeSymmetric: true });
    w.set(d.realEigenvalues, b * n);
    writeMatrix(v, b * n * n, d.eigenvectorMatrix, n, n);
  }
  const W = fromHost(w, [...host.batch, n], A.dtype);
  const V = fromHost(v, A.shape, A.dtype);
  if (mustRecord([A])) {
    // Giles 2008, section 3.1: gA = V (diag(gw) + (Vᵀ gV) / E) Vᵀ with E_ij = w_j - w_i
    record('eigh', [A], [W, V], [W, V], ([gw, gV], [w_, V_]) => {
      if (gw === null && gV === null) return [null];
      let middle = gw === null ? null : diagEmbed(gw);
      if (gV !== null) {
        const inner = matmul(mT(V_), gV);
        // V stays orthonormal, so only the skew part of Vᵀ gV counts; it is 0 on the diagonal
        const E = add(sub(unsqueeze(w_, -2), unsqueeze(w_, -1)), identityLike(V_));
        const part = div(mul(sub(inner, mT(inner)), 0.5), E);
        middle = middle === null ? part : add(middle, part);
      }
      return [matmul(V_, matmul(middle as Tensor, mT(V_)))];
    });
  }
  return { eigenvalues: W, eigenvectors: V };
}

/** Eigenvalues of symmetric matrices [..., n, n], rising. */
export const eigvalsh = (A: Tensor, options: EighOptions = {}): Tensor => eigh(A, options).eigenvalues;

/** A complex tensor as two real ones of one shape. */
export interface ComplexPair {
  readonly real: Tensor;
  readonly imag: Tensor;
}

const conjugateTranspose = ({ real, imag }: ComplexPair): ComplexPair => ({ real: mT(real), imag: neg(mT(imag)) });
const complexMatmul = (a: ComplexPair, b: ComplexPair): ComplexPair => ({
  real: sub(matmul(a.real, b.real), matmul(a.imag, b.imag)),
  imag: add(matmul(a.real, b.imag), matmul(a.imag, b.real)),
});
/** A⁻¹ B through the real matrix [[Re, -Im], [Im, Re]]. */
function complexSolve(a: ComplexPair, b: ComplexPair): ComplexPair {
  const n = a.real.shape[a.real.ndim - 1];
  const block = cat([cat([a.real, neg(a.imag)], -1), cat([a.imag, a.real], -1)], -2);
  const x = solve(block, cat([b.real, b.imag], -2));
  return { real: narrow(x, -2, 0, n), imag: narrow(x, -2, n, n) };
}

/**
 * Eigenvalues w [..., n] and eigenvectors V [..., n, n] of general matrices as complex pairs, A V = V diag(w); the columns of V have length 1, their phase is arbitrary. The gradient
 * needs distinct eigenvalues, and a loss that does not depend on the phases.
 */
export function eig(A: Tensor): { eigenvalues: ComplexPair; eigenvectors: ComplexPair } {
  checkSquare('eig', A);
  const host = toHost('eig', A);
  const n = host.rows;
  const parts = Array.from({ length: 4 }, (_, i) => new Float64Array(host.count * n * (i < 2 ? 1 : n)));
  const [wr, wi, vr, vi] = parts;
  for (let b = 0; b < host.count && n > 0; b++) {
    const d = new EigenvalueDecomposition(rowsOf(host.at(b), n, n));
    const [re, im] = [d.realEigenvalues, d.imaginaryEigenvalues];
    wr.set(re, b * n);
    wi.set(im, b * n);
    const V = d.eigenvectorMatrix;
    const at = (i: number, j: number): number => b * n * n + i * n + j;
    for (let j = 0; j < n; j++) {
      // a conjugate pair stores the real part in its first column and the imaginary part in its second
      const pair = im[j] > 0 && j + 1 < n;
      let length = 0;
      for (let i = 0; i < n; i++) length = Math.hypot(length, V.get(i, j), pair ? V.get(i, j + 1) : 0);
      for (let i = 0; i < n; i++) {
        vr[at(i, j)] = V.get(i, j) / length;
        if (!pair) continue;
        vi[at(i, j)] = V.get(i, j + 1) / length;
        vr[at(i, j + 1)] = vr[at(i, j)];
        vi[at(i, j + 1)] = -vi[at(i, j)];
      }
      if (pair) j++;
    }
  }
  const [Wr, Wi] = [wr, wi].map((x) => fromHost(x, [...host.batch, n], A.dtype));
  const [Vr, Vi] = [vr, vi].map((x) => fromHost(x, A.shape, A.dtype));
  if (mustRecord([A])) {
    record('eig', [A], [Wr, Wi, Vr, Vi], [Wr, Wi, Vr, Vi], (grads, saved) => [eigBackward(grads, saved)]);
  }
  return { eigenvalues: { real: Wr, imag: Wi }, eigenvectors: { real: Vr, imag: Vi } };
}

/** Eigenvalues of general matrices [..., n, n] as a complex pair, in no particular order. */
export const eigvals = (A: Tensor): ComplexPair => eig(A).eigenvalues;

/**
 * gA = V⁻ᴴ (diag(gw) + (Vᴴ gV - Vᴴ V diag(Re(Vᴴ gV))) / E*) Vᴴ with E_ij = w_j - w_i: Giles 2008, section 3.1, with the term that keeps the columns of V at length 1
 * (Boeddeker et al. 2017, "On the computation of complex-valued gradients").
 */
function eigBackward([gwr, gwi, gVr, gVi]: readonly (Tensor | null)[], [wr, wi, Vr, Vi]: readonly Tensor[]): Tensor | null {
  const V = { real: Vr, imag: Vi };
  const VH = conjugateTranspose(V);
  const pairOf = (re: Tensor | null, im: Tensor | null): ComplexPair | null => {
    const some = re ?? im;
    return some === null ? null : { real: re ?? mul(some, 0), imag: im ?? mul(some, 0) };
  };
  const [gw, gV] = [pairOf(gwr, gwi), pairOf(gVr, gVi)];
  if (gw === null && gV === null) return null;
  let middle: ComplexPair | null = gw === null ? null : { real: diagEmbed(gw.real), imag: diagEmbed(gw.imag) };
  if (gV !== null) {
    const inner = complexMatmul(VH, gV);
    const gram = complexMatmul(VH, V);
    const n = wr.shape[wr.ndim - 1];
    const one = identityLike(Vr, n);
    const along = unsqueeze(sum(mul(inner.real, one), { dim: -2 }), -2);
    const [re, im] = [sub(inner.real, mul(gram.real, along)), sub(inner.imag, mul(gram.imag, along))];
    const er = add(sub(unsqueeze(wr, -2), unsqueeze(wr, -1)), one);
    const ei = neg(sub(unsqueeze(wi, -2), unsqueeze(wi, -1)));
    const size = add(square(er), square(ei));
    const off = sub(1, one);
    const part = {
      real: mul(div(add(mul(re, er), mul(im, ei)), size), off),
      imag: mul(div(sub(mul(im, er), mul(re, ei)), size), off),
    };
    middle = middle === null ? part : { real: add(middle.real, part.real), imag: add(middle.imag, part.imag) };
  }
  return complexSolve(VH, complexMatmul(middle as ComplexPair, VH)).real;
}
