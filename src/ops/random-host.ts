// Samplers that reject, on the host: gamma, Poisson and binomial random numbers, and draws by weight. The numbers depend on the
// generator alone.

import type { HostRandom } from '../runtime/random.ts';

/** ln Γ(x) for x > 0: Stirling's series from x = 10 on, below it by recurrence. */
export function lgammaHost(x: number): number {
  let shift = 0;
  let y = x;
  if (y < 10) {
    let product = 1;
    for (; y < 10; y++) product *= y;
    shift = Math.log(product);
  }
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * (691 / 360360)))))) / y;
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/** The derivative of ln Γ for x > 0. */
export function digammaHost(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 10; y++) shift += 1 / y;
  const r = 1 / (y * y);
  const series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760))))));
  return Math.log(y) - 0.5 / y - series - shift;
}

/**
 * The logarithm of a gamma random number of shape `a` and rate 1 (Marsaglia and Tsang, "A simple method for generating gamma variables",
 * 2000). Small shapes give numbers that underflow; their logarithms do not.
 */
export function sampleLogGamma(a: number, random: HostRandom): number {
  if (a < 1) return sampleLogGamma(a + 1, random) + Math.log(random.uniform()) / a;
  const d = a - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root ** 3;
    const logV = 3 * Math.log(root);
    if (Math.log(random.uniform()) < 0.5 * x * x + d * (1 - v + logV)) return Math.log(d) + logV;
  }
}

/**
 * The derivative of the logarithm of a gamma random number in its shape `a`, the number's quantile being held: -(∂P/∂a)/(x·p(x)), where
 * P(a, x) = xᵃe⁻ˣ/Γ(a+1) · S and S = Σ xⁿ/((a+1)…(a+n)) (Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients", 2018).
 */
export function logGammaGradient(a: number, logX: number): number {
  const x = Math.exp(logX);
  let term = 1;
  let sum = 1;
  let harmonic = 0;
  let derivative = 0;
  for (let n = 1; n < 1e6; n++) {
    term *= x / (a + n);
    harmonic += 1 / (a + n);
    sum += term;
    derivative -= term * harmonic;
    if (a + n > x && term * Math.max(1, harmonic) < 1e-17 * sum) break;
  }
  return -(sum * (logX - digammaHost(a + 1)) + derivative) / a;
}

/** A Poisson random number: products of uniforms below a rate of 10, then transformed rejection (Hörmann, 1993, PTRS). */
export function samplePoisson(rate: number, random: HostRandom): number {
  if (rate === 0) return 0;
  if (rate < 10) {
    const bound = Math.exp(-rate);
    let product = random.uniform();
    let k = 0;
    for (; product > bound; k++) product *= random.uniform();
    return k;
  }
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const vr = 0.9277 - 3.6224 / (b - 2);
  const logRate = Math.log(rate);
  for (;;) {
    const u = random.uniform() - 0.5;
    const v = random.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= vr) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= k * logRate - rate - lgammaHost(k + 1)) return k;
  }
}

/** A binomial random number: gaps between successes while n·p is below 10, then transformed rejection (Hörmann, 1993, BTRD's simple form). */
export function sampleBinomial(n: number, p: number, random: HostRandom): number {
  if (n === 0 || p === 0) return 0;
  if (p > 0.5) return n - sampleBinomial(n, 1 - p, random);
  const mean = n * p;
  if (mean < 10) {
    const logQ = Math.log1p(-p);
    let k = 0;
    for (let at = Math.ceil(Math.log(random.uniform()) / logQ); at <= n; k++) at += Math.ceil(Math.log(random.uniform()) / logQ);
    return k;
  }
  const deviation = Math.sqrt(mean * (1 - p));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const vr = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const logOdds = Math.log(p) - Math.log1p(-p);
  const mode = Math.floor((n + 1) * p);
  const atMode = lgammaHost(mode + 1) + lgammaHost(n - mode + 1);
  for (;;) {
    const u = random.uniform() - 0.5;
    const v = random.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.5);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= vr) return k;
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= atMode - lgammaHost(k + 1) - lgammaHost(n - k + 1) + (k - mode) * logOdds) return k;
  }
}

/** Writes positions drawn by weight (at least 0, not all 0) into `out`; each comes back into the urn when `replacement`. */
export function sampleByWeight(
  weights: ArrayLike<number>,
  out: { length: number; [i: number]: number },
  replacement: boolean,
  random: HostRandom,
): void {
  const n = weights.length;
  if (!replacement) {
    // a race of exponential arrival times: the order of arrival is the order of drawing
    const arrival = Float64Array.from({ length: n }, (_, i) => (weights[i] > 0 ? -Math.log(random.uniform()) / weights[i] : Infinity));
    const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => arrival[a] - arrival[b]);
    for (let k = 0; k < out.length; k++) out[k] = order[k];
    return;
  }
  const cumulative = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) cumulative[i] = total += weights[i];
  for (let k = 0; k < out.length; k++) {
    const u = random.uniform() * total;
    // the first position whose cumulative weight is above u
    let lo = 0;
    let hi = n - 1;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (cumulative[mid] > u) hi = mid;
      else lo = mid + 1;
    }
    while (weights[lo] === 0) lo--; // rounding at the very end
    out[k] = lo;
  }
}
