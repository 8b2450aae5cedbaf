// Singular value decomposition on the host: QR, then one-sided Jacobi rotations of the rows of R until they are orthogonal (Hestenes 1958; with QR first as Drmač and Veselić
// 2008, "New fast and accurate Jacobi SVD algorithm"). Chosen over the bidiagonal QR iteration because every sweep makes progress on any matrix, rank-deficient ones included.

import { householderInPlace, reflectionProduct } from './householder.ts';

/** A [m, n] = u diag(s) vᵀ, row-major u [m, k], s [k] falling, v [n, k], k = min(m, n); u and v are empty when no vectors were asked for. */
export interface HostSVD {
  u: Float64Array;
  s: Float64Array;
  v: Float64Array;
}

const MAX_SWEEPS = 60;
/** Rows shorter than this count as 0 (the largest element is near 1): the squares of their elements would vanish. */
const TINY = 1e-140;

/** Orthonormal columns [m, k] completed to a basis [m, m]: the further columns of the product of their reflections. */
export function completeBasis(u: Float64Array, m: number, k: number): Float64Array {
  const a = u.slice();
  const q = reflectionProduct(a, m, k, householderInPlace(a, m, k), m);
  for (let i = 0; i < m; i++) for (let j = 0; j < k; j++) q[i * m + j] = u[i * k + j];
  return q;
}

function dot(a: Float64Array, p: number, q: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[p * n + i] * a[q * n + i];
  return sum;
}

function rotate(a: Float64Array, p: number, q: number, n: number, c: number, s: number): void {
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[p * n + i], a[q * n + i]];
    a[p * n + i] = c * x - s * y;
    a[q * n + i] = s * x + c * y;
  }
}

/** Makes the rows of R [n, n] orthogonal, J turning along. False when it does not converge. */
function orthogonalize(R: Float64Array, J: Float64Array | null, n: number): boolean {
  // a dot product of n terms is not known better than this
  const tolerance = Math.max(n, 4) * 2 ** -52;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let rotations = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const [a, b, g] = [dot(R, p, p, n), dot(R, q, q, n), dot(R, p, q, n)];
        if (a < TINY * TINY || b < TINY * TINY || Math.abs(g) <= tolerance * Math.sqrt(a) * Math.sqrt(b)) continue;
        rotations++;
        const z = (b - a) / (2 * g);
        const t = (z >= 0 ? 1 : -1) / (Math.abs(z) + Math.hypot(1, z));
        const c = 1 / Math.hypot(1, t);
        rotate(R, p, q, n, c, c * t);
        if (J !== null) rotate(J, p, q, n, c, c * t);
      }
    if (rotations === 0) return true;
  }
  return false;
}

function transposed(a: Float64Array, m: number, n: number): Float64Array {
  const t = new Float64Array(a.length);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) t[j * m + i] = a[i * n + j];
  return t;
}

/** The decomposition of `a` [m, n], whose largest element should be near 1. Null when it does not converge. */
export function jacobiSVD(a: Float64Array, m: number, n: number, vectors: boolean): HostSVD | null {
  if (m < n) {
    const d = jacobiSVD(transposed(a, m, n), n, m, vectors);
    return d === null ? null : { u: d.v, s: d.s, v: d.u };
  }
  const work = a.slice();
  const tau = householderInPlace(work, m, n);
  const R = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) R[i * n + j] = work[i * n + j];
  // row i of J is column i of the orthogonal matrix with R = J (rows of R), so that u = Q J
  const J = vectors ? new Float64Array(n * n) : null;
  if (J !== null) for (let i = 0; i < n; i++) J[i * n + i] = 1;
  if (!orthogonalize(R, J, n)) return null;
  const lengths = Float64Array.from({ length: n }, (_, i) => Math.sqrt(dot(R, i, i, n)));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => lengths[j] - lengths[i]);
  const s = Float64Array.from(order, (i) => (lengths[i] < TINY ? 0 : lengths[i]));
  if (J === null) return { u: new Float64Array(0), s, v: new Float64Array(0) };
  const Q = reflectionProduct(work, m, n, tau, n);
  const u = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    order.forEach((from, c) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += Q[i * n + j] * J[from * n + j];
      u[i * n + c] = sum;
    });
  const rank = s.filter((x) => x > 0).length;
  const known = new Float64Array(n * rank);
  for (let c = 0; c < rank; c++) for (let j = 0; j < n; j++) known[j * rank + c] = R[order[c] * n + j] / s[c];
  return { u, s, v: rank < n ? completeBasis(known, n, rank) : known };
}
