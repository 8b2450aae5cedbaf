// QR factorisation (on the host, in double precision), its derivative, and products of reflections.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { ones, zeros } from '../ops/create.ts';
import { diagEmbed, tril } from '../ops/create-more.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { cat } from '../ops/join.ts';
import { matmul } from '../ops/matmul.ts';
import { empty } from '../ops/raw.ts';
import { clone, diagonal, expand, narrow, select, unsqueeze } from '../ops/view.ts';
import { GradError, ShapeError, ValueError } from '../runtime/errors.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFloat, checkMatrices, checkSame, fromHost, identityLike, mT, toHost } from './common.ts';
import { householderInPlace, reflectionProduct } from './householder.ts';
import { solveTriangular } from './triangular.ts';

export interface QROptions {
  /** 'reduced': Q [m, k], R [k, n]; 'complete': Q [m, m], R [m, n]; 'r': R [k, n] alone, Q empty; k = min(m, n). */
  mode?: 'reduced' | 'complete' | 'r';
}

/**
 * A = Q R for A [..., m, n], Q with orthonormal columns, R upper triangular. The gradient exists where the first k columns of A are independent; not for 'complete' with
 * m > n (GradError in backward), where Q's last columns are arbitrary.
 */
export function qr(A: Tensor, { mode = 'reduced' }: QROptions = {}): { Q: Tensor; R: Tensor } {
  checkMatrices('qr', A);
  if (mode !== 'reduced' && mode !== 'complete' && mode !== 'r')
    throw new ValueError(`qr: mode '${String(mode)}' is unknown; use 'reduced', 'complete' or 'r'`);
  const host = toHost('qr', A);
  const { rows: m, columns: n, count, batch } = host;
  const k = mode === 'complete' ? m : Math.min(m, n);
  const q = new Float64Array(count * m * k);
  const r = new Float64Array(count * k * n);
  for (let b = 0; b < count; b++) {
    const a = host.at(b).slice();
    const tau = householderInPlace(a, m, n);
    for (let i = 0; i < Math.min(k, m); i++) for (let j = i; j < n; j++) r[(b * k + i) * n + j] = a[i * n + j];
    if (mode !== 'r' || mustRecord([A])) q.set(reflectionProduct(a, m, n, tau, k), b * m * k);
  }
  const Q = fromHost(q, [...batch, m, k], A.dtype);
  const R = fromHost(r, [...batch, k, n], A.dtype);
  if (mustRecord([A])) {
    record('qr', [A], [Q, R], [A, Q, R], ([gQ, gR], [A_, Q_, R_]) => {
      if (gQ === null && gR === null) return [null];
      if (mode === 'complete' && m > n)
        throw new GradError(
          `qr: mode 'complete' has no derivative for ${m} by ${n} matrices, whose last columns of Q are arbitrary; use mode 'reduced'`,
        );
      return [backward(gQ, gR, A_, Q_, R_)];
    });
  }
  return { Q: mode === 'r' ? empty([0], A.dtype) : Q, R };
}

/** Gradient for k = min(m, n) columns of Q; wide matrices A = [X Y] have Q U = X and V = Qᵀ Y (Roberts and Roberts 2020). */
function backward(gQ: Tensor | null, gR: Tensor | null, A: Tensor, Q: Tensor, R: Tensor): Tensor {
  const [m, n] = A.shape.slice(-2);
  if (m >= n) return tall(gQ, gR, Q, R);
  const [U, Y] = [narrow(R, -1, 0, m), narrow(A, -1, m, n - m)];
  if (gR === null) return cat([tall(gQ, null, Q, U), mul(Y, 0)], -1);
  const [gU, gV] = [narrow(gR, -1, 0, m), narrow(gR, -1, m, n - m)];
  const throughV = matmul(Y, mT(gV));
  return cat([tall(gQ === null ? throughV : add(gQ, throughV), gU, Q, U), matmul(Q, gV)], -1);
}

/** Seeger et al. 2017, "Auto-differentiating linear algebra" (their LQ, transposed): gA = (gQ + Q copyltu(M)) R⁻ᵀ, M = R gRᵀ - gQᵀ Q. */
function tall(gQ: Tensor | null, gR: Tensor | null, Q: Tensor, R: Tensor): Tensor {
  const parts: Tensor[] = [];
  if (gR !== null) parts.push(matmul(R, mT(gR)));
  if (gQ !== null) parts.push(mul(matmul(mT(gQ), Q), -1));
  const M = parts.length === 2 ? add(parts[0], parts[1]) : parts[0];
  // copyltu: the lower triangle mirrored into the upper one
  const low = tril(M, { diagonal: -1 });
  const mirrored = add(add(low, mT(low)), diagEmbed(diagonal(M, { dim1: -2, dim2: -1 })));
  const inner = matmul(Q, mirrored);
  return solveTriangular(mT(R), gQ === null ? inner : add(gQ, inner), { upper: false, left: false });
}

/**
 * The first n columns of H₁ H₂ … H_k, H_i = I - τ_i v_i v_iᵀ; v_i is column i of A [..., m, n] below its diagonal, with 1 on it. tau [..., k]. Differentiable in both.
 */
export function householderProduct(A: Tensor, tau: Tensor): Tensor {
  checkMatrices('householderProduct', A);
  checkFloat('householderProduct', tau, 'tau');
  checkSame('householderProduct', A, tau, 'tau');
  const [m, n] = A.shape.slice(-2);
  const k = tau.shape[tau.ndim - 1] ?? 0;
  if (m < n || k > n || tau.ndim !== A.ndim - 1 || !sameShape(tau.shape.slice(0, -1), A.shape.slice(0, -2)))
    throw new ShapeError(
      `householderProduct: A is ${show(A.shape)} and tau ${show(tau.shape)}; expected A [..., m, n] with m >= n and tau [..., k] with k <= n`,
    );
  let Q = expand(narrow(identityLike(A, m), 1, 0, n), A.shape);
  if (k === 0) return clone(Q);
  for (let i = k - 1; i >= 0; i--) {
    const below = narrow(A, -2, i + 1, m - i - 1);
    const one = ones([...A.shape.slice(0, -2), 1], { dtype: A.dtype });
    const v = unsqueeze(cat([zeros([...A.shape.slice(0, -2), i], { dtype: A.dtype }), one, select(below, -1, i)], -1), -1);
    const t = unsqueeze(unsqueeze(select(tau, -1, i), -1), -1);
    Q = sub(Q, mul(t, matmul(v, matmul(mT(v), Q))));
  }
  return Q;
}

/** The reflections of A's QR factorisation as householderProduct takes them: `a` holds R and the vectors, `tau` [..., min(m, n)] the factors. Without gradients. */
export function geqrf(A: Tensor): { a: Tensor; tau: Tensor } {
  checkMatrices('geqrf', A);
  return noGrad(() => {
    const host = toHost('geqrf', A);
    const { rows: m, columns: n, count, batch } = host;
    const k = Math.min(m, n);
    const all = new Float64Array(count * m * n);
    const taus = new Float64Array(count * k);
    for (let b = 0; b < count; b++) {
      const a = host.at(b).slice();
      taus.set(householderInPlace(a, m, n), b * k);
      all.set(a, b * m * n);
    }
    return { a: fromHost(all, A.shape, A.dtype), tau: fromHost(taus, [...batch, k], A.dtype) };
  });
}
