// Householder reflections on the host, row-major and in double precision: the factorisation and the product of its reflections.

/**
 * Reflections H = I - τ v vᵀ that turn `a` [m, n] (changed in place) into R; below the diagonal stay the vectors v, whose first entry is 1. As in Golub and Van Loan,
 * "Matrix Computations", 4th edition, section 5.2, with LAPACK's signs: R's diagonal has the sign opposite to the column's.
 */
export function householderInPlace(a: Float64Array, m: number, n: number): Float64Array {
  const k = Math.min(m, n);
  const tau = new Float64Array(k);
  const w = new Float64Array(n);
  for (let j = 0; j < k; j++) {
    const alpha = a[j * n + j];
    let scale = 0;
    for (let i = j + 1; i < m; i++) scale = Math.max(scale, Math.abs(a[i * n + j]));
    if (scale === 0) continue;
    scale = Math.max(scale, Math.abs(alpha));
    let sum = 0;
    for (let i = j; i < m; i++) sum += (a[i * n + j] / scale) ** 2;
    const beta = -Math.sign(alpha || 1) * scale * Math.sqrt(sum);
    tau[j] = (beta - alpha) / beta;
    for (let i = j + 1; i < m; i++) a[i * n + j] /= alpha - beta;
    a[j * n + j] = beta;
    applyReflection(a, m, n, a, n, j, tau[j], j + 1, w);
  }
  return tau;
}

/** Applies the reflection stored in column j of `v` (row length ldv) to columns from `first` on of `b` [m, n], row by row. */
function applyReflection(
  b: Float64Array,
  m: number,
  n: number,
  v: Float64Array,
  ldv: number,
  j: number,
  tau: number,
  first: number,
  w: Float64Array,
): void {
  if (tau === 0) return;
  for (let c = first; c < n; c++) w[c] = b[j * n + c];
  for (let i = j + 1; i < m; i++) {
    const f = v[i * ldv + j];
    if (f !== 0) for (let c = first; c < n; c++) w[c] += f * b[i * n + c];
  }
  for (let c = first; c < n; c++) b[j * n + c] -= tau * w[c];
  for (let i = j + 1; i < m; i++) {
    const f = tau * v[i * ldv + j];
    if (f !== 0) for (let c = first; c < n; c++) b[i * n + c] -= f * w[c];
  }
}

/** The first `columns` columns of the product of the reflections in `a` [m, n]. */
export function reflectionProduct(a: Float64Array, m: number, n: number, tau: Float64Array, columns: number): Float64Array {
  const q = new Float64Array(m * columns);
  for (let i = 0; i < Math.min(m, columns); i++) q[i * columns + i] = 1;
  const w = new Float64Array(columns);
  for (let j = tau.length - 1; j >= 0; j--) applyReflection(q, m, columns, a, n, j, tau[j], 0, w);
  return q;
}
