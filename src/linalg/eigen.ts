// Eigenvalues and eigenvectors on the host, in double precision: symmetric matrices, and general ones with complex results as pairs of real tensors.

import { mustRecord, record } from '../autograd/node.ts';
import { diagEmbed } from '../ops/create-more.ts';
import { add, div, mul, neg, square, sub } from '../ops/elementwise.ts';
import { cat } from '../ops/join.ts';
import { matmul } from '../ops/matmul.ts';
import { sum } from '../ops/reduce.ts';
import { narrow, unsqueeze } from '../ops/view.ts';
import { LinAlgError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkSquare, fromHost, identityLike, matrixName, mT, scaled, toHost } from './common.ts';
import { generalEigen } from './real-schur.ts';
import { solve } from './solve.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

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

const doesNotConverge = (name: string, index: number, A: Tensor): LinAlgError =>
  new LinAlgError(
    `${name}: the eigenvalues of ${matrixName(index, batchOf(A))} of A (shape ${show(A.shape)}) do not converge; change its elements by a small relative amount`,
  );

/** A = V diag(w) Vᵀ for symmetric A [..., n, n]: eigenvalues w [..., n] rising, orthonormal columns V. The gradient through V needs distinct eigenvalues. */
export function eigh(A: Tensor, { UPLO = 'L' }: EighOptions = {}): { eigenvalues: Tensor; eigenvectors: Tensor } {
  checkSquare('eigh', A);
  if (UPLO !== 'L' && UPLO !== 'U') throw new ValueError(`eigh: UPLO '${String(UPLO)}' is unknown; use 'L' or 'U'`);
  const host = toHost('eigh', A);
  const n = host.rows;
  const w = new Float64Array(host.count * n);
  const v = new Float64Array(host.count * n * n);
  for (let b = 0; b < host.count && n > 0; b++) {
    const { a, scale } = scaled(symmetric(host.at(b), n, UPLO === 'U'));
    const d = symmetricEigen(a, n);
    if (d === null) throw doesNotConverge('eigh', b, A);
    w.set(
      d.values.map((x) => x * scale),
      b * n,
    );
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) v[(b * n + i) * n + j] = d.vectors[j * n + i];
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
    const { a, scale } = scaled(host.at(b));
    const d = generalEigen(a, n);
    if (d === null) throw doesNotConverge('eig', b, A);
    wr.set(
      d.re.map((v) => v * scale),
      b * n,
    );
    wi.set(
      d.im.map((v) => v * scale),
      b * n,
    );
    vr.set(d.vr, b * n * n);
    vi.set(d.vi, b * n * n);
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
