// Eigenvalues and eigenvectors of a general real matrix on the host: Hessenberg form, Francis's double-shift QR iteration to the real Schur form, back-substitution.
// As in Golub and Van Loan, "Matrix Computations", 4th edition, sections 7.4 to 7.6, with an exceptional shift whenever an eigenvalue takes ten steps, without which
// matrices such as rotations never converge.

/** Eigenvalues re + i im, and eigenvectors in the columns of vr + i vi [n, n], of length 1. Null when the iteration does not converge. */
export interface HostEigen {
  re: Float64Array;
  im: Float64Array;
  vr: Float64Array;
  vi: Float64Array;
}

export const EPS = 2 ** -52;
export const STEPS_PER_EIGENVALUE = 60;

/** A reflection I - tau v vᵀ with v[0] = 1 that maps x to a multiple of the first unit vector; null when it already is one. */
function reflector(x: readonly number[]): { v: number[]; tau: number } | null {
  const scale = Math.max(...x.map(Math.abs));
  if (x.slice(1).every((t) => t === 0)) return null;
  const y = x.map((t) => t / scale);
  const length = Math.sqrt(y.reduce((sum, t) => sum + t * t, 0));
  const beta = y[0] > 0 ? -length : length;
  return { v: y.map((t, i) => (i === 0 ? 1 : t / (y[0] - beta))), tau: (beta - y[0]) / beta };
}

/** Applies I - tau v vᵀ to rows k, k + 1, … of M [n, n], in columns from `from` on. */
function reflectRows(M: Float64Array, n: number, k: number, { v, tau }: { v: number[]; tau: number }, from: number): void {
  for (let j = from; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < v.length; i++) sum += v[i] * M[(k + i) * n + j];
    sum *= tau;
    for (let i = 0; i < v.length; i++) M[(k + i) * n + j] -= sum * v[i];
  }
}

/** Applies I - tau v vᵀ to columns k, k + 1, … of M [n, n], in rows before `to`. */
function reflectColumns(M: Float64Array, n: number, k: number, { v, tau }: { v: number[]; tau: number }, to: number): void {
  for (let i = 0; i < to; i++) {
    const row = i * n + k;
    let sum = 0;
    for (let j = 0; j < v.length; j++) sum += v[j] * M[row + j];
    sum *= tau;
    for (let j = 0; j < v.length; j++) M[row + j] -= sum * v[j];
  }
}

/** H = Qᵀ A Q with zeros below the first subdiagonal; H takes A's place. */
export function toHessenberg(H: Float64Array, n: number): Float64Array {
  const Q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) Q[i * n + i] = 1;
  for (let k = 0; k + 2 < n; k++) {
    const r = reflector(Array.from({ length: n - k - 1 }, (_, i) => H[(k + 1 + i) * n + k]));
    if (r === null) continue;
    reflectRows(H, n, k + 1, r, k);
    reflectColumns(H, n, k + 1, r, n);
    reflectColumns(Q, n, k + 1, r, n);
    for (let i = k + 2; i < n; i++) H[i * n + k] = 0;
  }
  return Q;
}

/** Turns the 2 by 2 block at (k, k) triangular when its eigenvalues are real. */
function splitBlock(H: Float64Array, Q: Float64Array, n: number, k: number): void {
  const [a, b, c, d] = [H[k * n + k], H[k * n + k + 1], H[(k + 1) * n + k], H[(k + 1) * n + k + 1]];
  const p = (a - d) / 2;
  const q = p * p + b * c;
  if (q < 0) return;
  // (z, c) is an eigenvector of the block; the sign of z avoids cancellation
  const z = p >= 0 ? p + Math.sqrt(q) : p - Math.sqrt(q);
  const r = reflector([z, c]);
  if (r !== null) {
    reflectRows(H, n, k, r, 0);
    reflectColumns(H, n, k, r, n);
    reflectColumns(Q, n, k, r, n);
  }
  H[(k + 1) * n + k] = 0;
}

/** One double-shift step on rows lo … hi of H, with shifts of the given sum and product. */
function francisStep(H: Float64Array, Q: Float64Array, n: number, lo: number, hi: number, sum: number, product: number): void {
  const at = (i: number, j: number): number => H[i * n + j];
  const below = at(lo + 1, lo);
  let x = at(lo, lo) ** 2 + at(lo, lo + 1) * below - sum * at(lo, lo) + product;
  let y = below * (at(lo, lo) + at(lo + 1, lo + 1) - sum);
  let z = below * at(lo + 2, lo + 1);
  for (let k = lo; k < hi; k++) {
    const size = Math.min(3, hi - k + 1);
    const r = reflector([x, y, z].slice(0, size));
    if (r !== null) {
      reflectRows(H, n, k, r, Math.max(k - 1, lo));
      reflectColumns(H, n, k, r, Math.min(k + 3, hi) + 1);
      reflectColumns(Q, n, k, r, n);
    }
    if (k > lo) for (let i = k + 1; i < k + size; i++) H[i * n + k - 1] = 0;
    x = at(k + 1, k);
    y = k + 2 <= hi ? at(k + 2, k) : 0;
    z = k + 3 <= hi ? at(k + 3, k) : 0;
  }
}

/** H to real Schur form (blocks of 1 and 2 on the diagonal), Q along. False when it does not converge. */
function toSchur(H: Float64Array, Q: Float64Array, n: number): boolean {
  const at = (i: number, j: number): number => H[i * n + j];
  const norm = H.reduce((s, v) => Math.max(s, Math.abs(v)), 0);
  let steps = 0;
  for (let hi = n - 1; hi >= 0; ) {
    let lo = hi;
    for (; lo > 0; lo--) {
      const near = Math.abs(at(lo - 1, lo - 1)) + Math.abs(at(lo, lo));
      if (Math.abs(at(lo, lo - 1)) <= EPS * (near === 0 ? norm : near)) break;
    }
    if (lo > 0) H[lo * n + lo - 1] = 0;
    if (hi - lo <= 1) {
      if (lo < hi) splitBlock(H, Q, n, lo);
      hi = lo - 1;
      steps = 0;
      continue;
    }
    if (++steps > STEPS_PER_EIGENVALUE) return false;
    let sum = at(hi - 1, hi - 1) + at(hi, hi);
    let product = at(hi - 1, hi - 1) * at(hi, hi) - at(hi - 1, hi) * at(hi, hi - 1);
    if (steps % 10 === 0) {
      // LAPACK's exceptional shifts: eigenvalues of [[c, -0.4375 s], [s, c]], at the bottom and the top in turn
      const [s, corner] =
        steps % 20 === 0
          ? [Math.abs(at(lo + 1, lo)) + Math.abs(at(lo + 2, lo + 1)), at(lo, lo)]
          : [Math.abs(at(hi, hi - 1)) + Math.abs(at(hi - 1, hi - 2)), at(hi, hi)];
      const c = 0.75 * s + corner;
      sum = 2 * c;
      product = c * c + 0.4375 * s * s;
    }
    francisStep(H, Q, n, lo, hi, sum, product);
  }
  return true;
}

/** (a + ib) / (c + id), by Smith's rule. */
function divide(a: number, b: number, c: number, d: number): [number, number] {
  if (Math.abs(c) >= Math.abs(d)) {
    const [r, s] = [d / c, c + d * (d / c)];
    return [(a + b * r) / s, (b - a * r) / s];
  }
  const [r, s] = [c / d, d + c * (c / d)];
  return [(a * r + b) / s, (b * r - a) / s];
}

/**
 * x with (T - λ) x = 0 for the eigenvalue λ = re + i im of the block that ends at `last`, T [n, n] in real Schur form; a real λ gives a real x. Differences of
 * eigenvalues below `smallest` are raised to it, so that defective matrices get nearly parallel vectors.
 */
function schurVector(T: Float64Array, n: number, last: number, re: number, im: number, smallest: number): [Float64Array, Float64Array] {
  const [xr, xi] = [new Float64Array(n), new Float64Array(n)];
  const at = (i: number, j: number): number => T[i * n + j];
  let filled = last;
  if (im === 0) xr[last] = 1;
  else {
    xr[last - 1] = at(last - 1, last);
    xr[last] = re - at(last - 1, last - 1);
    xi[last] = im;
    filled = last - 1;
  }
  const rest = (i: number, from: number): [number, number] => {
    let [r, s] = [0, 0];
    for (let j = from; j <= last; j++) {
      r -= at(i, j) * xr[j];
      s -= at(i, j) * xi[j];
    }
    return [r, s];
  };
  for (let i = filled - 1; i >= 0; i--) {
    if (i === 0 || at(i, i - 1) === 0) {
      const [r, s] = rest(i, i + 1);
      const d = at(i, i) - re;
      const small = Math.hypot(d, im) < smallest;
      [xr[i], xi[i]] = divide(r, s, small ? smallest : d, small ? 0 : -im);
    } else {
      // rows i - 1 and i together, by Cramer's rule
      const [[r0, s0], [r1, s1]] = [rest(i - 1, i + 1), rest(i, i + 1)];
      const [a, b, c, d] = [at(i - 1, i - 1) - re, at(i - 1, i), at(i, i - 1), at(i, i) - re];
      let [dr, di] = [a * d - im * im - b * c, -im * (a + d)];
      if (Math.hypot(dr, di) < smallest * smallest) [dr, di] = [smallest * smallest, 0];
      [xr[i - 1], xi[i - 1]] = divide(r0 * d + s0 * im - b * r1, s0 * d - r0 * im - b * s1, dr, di);
      [xr[i], xi[i]] = divide(a * r1 + im * s1 - c * r0, a * s1 - im * r1 - c * s0, dr, di);
      i--;
    }
    const size = Math.max(Math.abs(xr[i]), Math.abs(xi[i]));
    if (size > 1e100)
      for (let j = 0; j <= last; j++) {
        xr[j] /= size;
        xi[j] /= size;
      }
  }
  return [xr, xi];
}

/** Eigenvalues and eigenvectors of `a` [n, n], whose largest element should be near 1. */
export function generalEigen(a: Float64Array, n: number): HostEigen | null {
  const T = a.slice();
  const Q = toHessenberg(T, n);
  if (!toSchur(T, Q, n)) return null;
  const norm = T.reduce((s, v) => Math.max(s, Math.abs(v)), 0);
  const smallest = Math.max(EPS * norm, Number.MIN_VALUE ** 0.4);
  const out: HostEigen = { re: new Float64Array(n), im: new Float64Array(n), vr: new Float64Array(n * n), vi: new Float64Array(n * n) };
  for (let k = 0; k < n; k++) {
    const pair = k + 1 < n && T[(k + 1) * n + k] !== 0;
    const last = pair ? k + 1 : k;
    const half = pair ? (T[k * n + k] - T[last * n + last]) / 2 : 0;
    const re = T[last * n + last] + half;
    const im = pair ? Math.sqrt(-(half * half + T[k * n + last] * T[last * n + k])) : 0;
    const [xr, xi] = schurVector(T, n, last, re, im, smallest);
    const [vr, vi] = [new Float64Array(n), new Float64Array(n)];
    let length = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= last; j++) {
        vr[i] += Q[i * n + j] * xr[j];
        vi[i] += Q[i * n + j] * xi[j];
      }
      length = Math.hypot(length, vr[i], vi[i]);
    }
    for (let column = k; column <= last; column++) {
      const sign = column === k ? 1 : -1;
      out.re[column] = re;
      out.im[column] = sign * im;
      for (let i = 0; i < n; i++) {
        out.vr[i * n + column] = vr[i] / length;
        out.vi[i * n + column] = (sign * vi[i]) / length;
      }
    }
    k = last;
  }
  return out;
}
