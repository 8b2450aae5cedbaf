// Singular value decomposition and its derivative.

import { mustRecord, record } from '../autograd/node.ts';
import { diagEmbed } from '../ops/create-more.ts';
import { add, div, mul, square, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { narrow, unsqueeze } from '../ops/view.ts';
import { GradError, LinAlgError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkMatrices, fromHost, type HostMatrices, identityLike, matrixName, mT, scaled, toHost } from './common.ts';
import { completeBasis, type HostSVD, jacobiSVD } from './jacobi-svd.ts';

function decompose(name: string, host: HostMatrices, index: number, vectors: boolean): HostSVD {
  const { a, scale } = scaled(host.at(index));
  const d = jacobiSVD(a, host.rows, host.columns, vectors);
  if (d === null)
    throw new LinAlgError(
      `${name}: the singular values of ${matrixName(index, host.batch)} of A [..., ${host.rows}, ${host.columns}] do not converge; change its elements by a small relative amount`,
    );
  return { ...d, s: d.s.map((v) => v * scale) };
}

export interface SVDOptions {
  /** U [m, m] and Vh [n, n] rather than [m, k] and [k, n], k = min(m, n). */
  fullMatrices?: boolean;
}

/**
 * A = U diag(S) Vh for A [..., m, n]: orthonormal U [..., m, m] and Vh [..., n, n], singular values S [..., k] falling. The gradient through U and Vh needs distinct singular values
 * (and for fullMatrices a square A); the one through S alone always exists.
 */
export function svd(A: Tensor, { fullMatrices = true }: SVDOptions = {}): { U: Tensor; S: Tensor; Vh: Tensor } {
  checkMatrices('svd', A);
  const host = toHost('svd', A);
  const { rows: m, columns: n, count, batch } = host;
  const k = Math.min(m, n);
  const [mu, nv] = fullMatrices ? [m, n] : [k, k];
  const [u, s, vh] = [new Float64Array(count * m * mu), new Float64Array(count * k), new Float64Array(count * nv * n)];
  for (let b = 0; b < count; b++) {
    const one = decompose('svd', host, b, true);
    u.set(mu > k ? completeBasis(one.u, m, k) : one.u, b * m * mu);
    s.set(one.s, b * k);
    const v = nv > k ? completeBasis(one.v, n, k) : one.v;
    for (let i = 0; i < n; i++) for (let j = 0; j < nv; j++) vh[(b * nv + j) * n + i] = v[i * nv + j];
  }
  const U = fromHost(u, [...batch, m, mu], A.dtype);
  const S = fromHost(s, [...batch, k], A.dtype);
  const Vh = fromHost(vh, [...batch, nv, n], A.dtype);
  if (mustRecord([A])) {
    record('svd', [A], [U, S, Vh], [U, S, Vh], ([gU, gS, gVh], [U_, S_, Vh_]) => {
      if ((gU !== null && mu > k) || (gVh !== null && nv > k))
        throw new GradError(
          `svd: the further columns of U and Vh of ${m} by ${n} matrices are arbitrary and have no derivative; use { fullMatrices: false }`,
        );
      if (gU === null && gS === null && gVh === null) return [null];
      return [backward(gU, gS, gVh === null ? null : mT(gVh), narrow(U_, -1, 0, k), S_, mT(narrow(Vh_, -2, 0, k)))];
    });
  }
  return { U, S, Vh };
}

/** Singular values of A [..., m, n], falling. */
export function svdvals(A: Tensor): Tensor {
  checkMatrices('svdvals', A);
  if (mustRecord([A])) return svd(A, { fullMatrices: false }).S;
  const host = toHost('svdvals', A);
  const k = Math.min(host.rows, host.columns);
  const s = new Float64Array(host.count * k);
  for (let b = 0; b < host.count; b++) s.set(decompose('svdvals', host, b, false).s, b * k);
  return fromHost(s, [...host.batch, k], A.dtype);
}

/**
 * Giles 2008, section 3.3, and Townsend 2016, "Differentiating the singular value decomposition", with the skew parts written over E_ij = s_j² - s_i². U [m, k], S [k], V [n, k].
 */
function backward(gU: Tensor | null, gS: Tensor | null, gV: Tensor | null, U: Tensor, S: Tensor, V: Tensor): Tensor {
  let middle: Tensor | null = gS === null ? null : diagEmbed(gS);
  const plus = (t: Tensor): void => {
    middle = middle === null ? t : add(middle, t);
  };
  const [row, column] = [unsqueeze(S, -2), unsqueeze(S, -1)];
  // 1 on the diagonal, where the skew part is 0
  const E = (): Tensor => add(sub(square(row), square(column)), identityLike(U, S.shape[S.ndim - 1]));
  const skew = (X: Tensor): Tensor => div(sub(X, mT(X)), E());
  if (gU !== null) plus(mul(skew(matmul(mT(U), gU)), row));
  if (gV !== null) plus(mul(column, skew(matmul(mT(V), gV))));
  let out = matmul(U, matmul(middle as unknown as Tensor, mT(V)));
  const [m, n, k] = [U.shape[U.ndim - 2], V.shape[V.ndim - 2], S.shape[S.ndim - 1]];
  if (gU !== null && m > k) {
    const scaled = div(gU, row);
    out = add(out, matmul(sub(scaled, matmul(U, matmul(mT(U), scaled))), mT(V)));
  }
  if (gV !== null && n > k) {
    const scaled = div(gV, row);
    out = add(out, matmul(U, mT(sub(scaled, matmul(V, matmul(mT(V), scaled))))));
  }
  return out;
}
