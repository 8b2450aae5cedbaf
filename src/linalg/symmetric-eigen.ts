// Eigenvalues and eigenvectors of a symmetric matrix on the host: tridiagonal form by reflections, then implicit QR steps with Wilkinson's shift
// (Golub and Van Loan, "Matrix Computations", 4th edition, section 8.3).

import { EPS, STEPS_PER_EIGENVALUE, toHessenberg } from './real-schur.ts';

/** Below this an off-diagonal element counts as 0 (the largest element is near 1): rotations of smaller numbers would lose their length to underflow. */
const TINY = 1e-150;

/** One implicit QR step on rows lo … hi of the tridiagonal matrix (d, e); the rows of R turn along. */
function qrStep(d: Float64Array, e: Float64Array, R: Float64Array, n: number, lo: number, hi: number): void {
  const half = (d[hi - 1] - d[hi]) / 2;
  const off = e[hi - 1];
  const shift = d[hi] - off * (off / (half + (half >= 0 ? 1 : -1) * Math.hypot(half, off)));
  let x = d[lo] - shift;
  let z = e[lo];
  for (let k = lo; k < hi; k++) {
    const r = Math.hypot(x, z);
    const [c, s] = r < TINY ? [1, 0] : [x / r, z / r];
    if (k > lo) e[k - 1] = r;
    const [a, b, g] = [d[k], e[k], d[k + 1]];
    d[k] = c * c * a + 2 * c * s * b + s * s * g;
    d[k + 1] = s * s * a - 2 * c * s * b + c * c * g;
    e[k] = c * s * (g - a) + (c * c - s * s) * b;
    if (k + 1 < hi) {
      x = e[k];
      z = s * e[k + 1];
      e[k + 1] *= c;
    }
    const [p, q] = [k * n, (k + 1) * n];
    for (let j = 0; j < n; j++) {
      const [u, v] = [R[p + j], R[q + j]];
      R[p + j] = c * u + s * v;
      R[q + j] = c * v - s * u;
    }
  }
}

/** Eigenvalues of symmetric `a` [n, n], whose largest element should be near 1, rising, and their eigenvectors as the rows of `vectors`. Null when the iteration does not converge. */
export function symmetricEigen(a: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } | null {
  const T = a.slice();
  const Q = toHessenberg(T, n);
  const d = Float64Array.from({ length: n }, (_, i) => T[i * n + i]);
  const e = Float64Array.from({ length: Math.max(n - 1, 0) }, (_, i) => T[(i + 1) * n + i]);
  const R = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) R[j * n + i] = Q[i * n + j];
  let steps = 0;
  for (let hi = n - 1; hi > 0; ) {
    let lo = hi;
    while (lo > 0 && Math.abs(e[lo - 1]) > Math.max(TINY, EPS * (Math.abs(d[lo - 1]) + Math.abs(d[lo])))) lo--;
    if (lo > 0) e[lo - 1] = 0;
    if (lo === hi) {
      hi--;
      steps = 0;
      continue;
    }
    if (++steps > STEPS_PER_EIGENVALUE) return null;
    qrStep(d, e, R, n, lo, hi);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => d[i] - d[j]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, i) => {
    vectors.set(R.subarray(from * n, (from + 1) * n), i * n);
  });
  return { values: Float64Array.from(order, (i) => d[i]), vectors };
}
