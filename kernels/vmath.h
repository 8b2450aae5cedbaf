// Exponential, logarithm and their kin as templates over f32, f64 and vectors of either; error a few ulp, special values as in IEEE.
#pragma once
#include "simd.h"

namespace fathom {

// Numbers of a float format that the range reductions need.
template <class E> struct FloatFormat;
template <> struct FloatFormat<f32> {
  static constexpr int mantissa = 23, bias = 127;
  static constexpr f32 magic = 12582912.0f;             // 1.5 * 2^23: adding it rounds to an integer
  static constexpr f32 ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f;  // hi has 15 bits, so n * hi is exact
  static constexpr f32 exp_max = 89.0f, exp_min = -104.0f, smallest = 0x1p-126f, to_normal = 0x1p23f;
};
template <> struct FloatFormat<f64> {
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr f64 magic = 6755399441055744.0;
  static constexpr f64 ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;
  static constexpr f64 exp_max = 710.0, exp_min = -746.0, smallest = 0x1p-1022, to_normal = 0x1p52;
};

// (exp(r) - 1) / r for |r| <= ln(2)/2. double: its Taylor series, cut where the rest is below a quarter ulp. float: 1 + r/2 + r² times the cubic of
// least error (1.4e-8), fitted for this range, in Estrin's order: short chains matter more than few operations.
template <class V> INLINE V exp_tail(V r) {
  using E = Elem<V>;
  V p;
  if constexpr (sizeof(E) == 4) {
    const V square = r * r;
    const V low = fma(r, splat<V>(E(0.5)), splat<V>(E(1)));
    const V mid = fma(r, splat<V>(E(0.04166685450647721)), splat<V>(E(0.16666548521281438)));
    const V high = fma(r, splat<V>(E(0.0013898232032561104)), splat<V>(E(0.008366066864045806)));
    return fma(square, fma(square, high, mid), low);
  } else {
    p = fma(r, splat<V>(E(1.0 / 6227020800)), splat<V>(E(1.0 / 479001600)));
    p = fma(p, r, splat<V>(E(1.0 / 39916800)));
    p = fma(p, r, splat<V>(E(1.0 / 3628800)));
    p = fma(p, r, splat<V>(E(1.0 / 362880)));
    p = fma(p, r, splat<V>(E(1.0 / 40320)));
    p = fma(p, r, splat<V>(E(1.0 / 5040)));
    p = fma(p, r, splat<V>(E(1.0 / 720)));
  }
  p = fma(p, r, splat<V>(E(1.0 / 120)));
  p = fma(p, r, splat<V>(E(1.0 / 24)));
  p = fma(p, r, splat<V>(E(1.0 / 6)));
  p = fma(p, r, splat<V>(E(0.5)));
  return fma(p, r, splat<V>(E(1)));
}

// 2^n for integer lanes n in the normal range.
template <class V> INLINE V pow2i(IntOf<V> n) {
  using F = FloatFormat<Elem<V>>;
  using I = IntOf<V>;
  return bit_cast<V>(I(wrapping_add(n, I(I{} + Elem<I>(F::bias))) << Elem<I>(F::mantissa)));
}

// e^x; overflow gives inf, underflow passes through the subnormals, NaN stays NaN.
template <class V> INLINE V vexp(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  x = at_least(at_most(x, splat<V>(F::exp_max)), splat<V>(F::exp_min));
  const V t = x * splat<V>(E(1.4426950408889634)) + splat<V>(F::magic);
  const I n = bits(t) - bits(splat<V>(F::magic));
  const V whole = t - splat<V>(F::magic);
  V r = x - whole * splat<V>(F::ln2_hi);
  r = r - whole * splat<V>(F::ln2_lo);
  const V p = fma(exp_tail(r), r, splat<V>(E(1)));
  const I half = n >> Elem<I>(1);  // two factors: one alone would overflow at either end
  return p * pow2i<V>(half) * pow2i<V>(I(n - half));
}

// e^x for x <= 88 (709 in double precision), above all for x <= 0, in few operations: the bias of the exponent is part of the number that rounds,
// so that 2^n is its bits shifted. Below the normal numbers the result is 0: there n is held at the exponent of 0. Relative error at most
// 8.5e-8 (float) and 1.4e-16 (double), measured over the whole range with fused multiply-adds.
template <class V> INLINE V vexp_nonpositive(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  const V magic = splat<V>(E(F::magic + F::bias));
  const V a = at_least(x, splat<V>(E(sizeof(E) == 4 ? -88 : -709.1)));
  const V t = fma(a, splat<V>(E(1.4426950408889634)), magic), whole = t - magic;
  V r = a - whole * splat<V>(F::ln2_hi);
  r = r - whole * splat<V>(F::ln2_lo);
  return fma(exp_tail(r), r, splat<V>(E(1))) * bit_cast<V>(I(bits(t) << Elem<I>(F::mantissa)));
}

// 2^x.
template <class V> INLINE V vexp2(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  const V top = splat<V>(E(F::bias + 2)), bottom = splat<V>(E(-F::bias - F::mantissa - 2));
  x = at_least(at_most(x, top), bottom);
  const V t = x + splat<V>(F::magic);
  const I n = bits(t) - bits(splat<V>(F::magic));
  const V r = (x - (t - splat<V>(F::magic))) * splat<V>(E(0.69314718055994531));
  const V p = fma(exp_tail(r), r, splat<V>(E(1)));
  const I half = n >> Elem<I>(1);
  return p * pow2i<V>(half) * pow2i<V>(I(n - half));
}

// e^x - 1 for -60 <= x <= 40 (enough for tanh and friends); accurate near 0.
template <class V> INLINE V vexpm1_bounded(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  const V t = x * splat<V>(E(1.4426950408889634)) + splat<V>(F::magic);
  const I n = bits(t) - bits(splat<V>(F::magic));
  const V whole = t - splat<V>(F::magic);
  V r = x - whole * splat<V>(F::ln2_hi);
  r = r - whole * splat<V>(F::ln2_lo);
  const V s = pow2i<V>(n);
  return fma(s, exp_tail(r) * r, s - splat<V>(E(1)));
}

// log(1 + f) + exponent * ln 2 for 1 + f in [sqrt(1/2), sqrt(2)]: with s = f / (2 + f), log(1 + f) = f - f²/2 + s (f²/2 + R(s²)),
// R the tail of 2 atanh(s) (the arrangement of Sun's fdlibm, after Cody and Waite).
template <class V> INLINE V log_core(V f, V exponent) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  const V s = f / (f + splat<V>(E(2))), z = s * s, half = splat<V>(E(0.5)) * f * f;
  V r;
  if constexpr (sizeof(E) == 4) {
    r = fma(z, splat<V>(E(2.0 / 11)), splat<V>(E(2.0 / 9)));
  } else {
    r = fma(z, splat<V>(E(2.0 / 23)), splat<V>(E(2.0 / 21)));
    r = fma(r, z, splat<V>(E(2.0 / 19)));
    r = fma(r, z, splat<V>(E(2.0 / 17)));
    r = fma(r, z, splat<V>(E(2.0 / 15)));
    r = fma(r, z, splat<V>(E(2.0 / 13)));
    r = fma(r, z, splat<V>(E(2.0 / 11)));
    r = fma(r, z, splat<V>(E(2.0 / 9)));
  }
  r = fma(r, z, splat<V>(E(2.0 / 7)));
  r = fma(r, z, splat<V>(E(2.0 / 5)));
  r = fma(r, z, splat<V>(E(2.0 / 3))) * z;
  return exponent * splat<V>(F::ln2_hi) + (f - (half - (s * (half + r) + exponent * splat<V>(F::ln2_lo))));
}

// Splits x > 0 (normal) into 2^k * m with m in [sqrt(1/2), sqrt(2)); returns m and leaves k.
template <class V> INLINE V split_exponent(V x, IntOf<V>& k) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  using J = Elem<I>;
  const J root = J(sizeof(E) == 4 ? i64(0x3f3504f3) : i64(0x3fe6a09e667f3bcd));  // sqrt(1/2)
  const I b = wrapping_sub(bits(x), I(I{} + root));
  k = b >> J(F::mantissa);
  return bit_cast<V>(wrapping_add(I(b & J((J(1) << F::mantissa) - 1)), I(I{} + root)));
}

// An integer of a magnitude below 2^51 (2^31 in single precision).
template <class V> INLINE V int_to_float(IntOf<V> n) {
  if constexpr (is_scalar<V>) return V(n);
  else if constexpr (sizeof(Elem<V>) == 8) {  // few targets convert 64-bit integers; these are small
    const V magic = splat<V>(FloatFormat<f64>::magic);
    return bit_cast<V>(wrapping_add(n, bits(magic))) - magic;
  } else return __builtin_convertvector(n, V);
}

// Natural logarithm: 0 gives -inf, negative numbers NaN, inf stays inf.
template <class V> INLINE V vlog(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  using I = IntOf<V>;
  const auto tiny = x < splat<V>(F::smallest);
  const V scaled = select(tiny, V(x * splat<V>(F::to_normal)), x);
  I k;
  const V m = split_exponent(scaled, k);
  V e = int_to_float<V>(k);
  e = select(tiny, V(e - splat<V>(E(F::mantissa))), e);
  V y = log_core(V(m - splat<V>(E(1))), e);
  const V inf = splat<V>(E(__builtin_inf()));
  y = select(x == inf, inf, y);
  y = select(x == splat<V>(E(0)), V(-inf), y);
  y = select(x < splat<V>(E(0)), splat<V>(E(__builtin_nan(""))), y);
  return select(x != x, x, y);
}

// Base-2 logarithm, exact for powers of two.
template <class V> INLINE V vlog2(V x) {
  using E = Elem<V>;
  using F = FloatFormat<E>;
  const auto tiny = x < splat<V>(F::smallest);
  IntOf<V> k;
  const V m = split_exponent(V(select(tiny, V(x * splat<V>(F::to_normal)), x)), k);
  V e = int_to_float<V>(k);
  e = select(tiny, V(e - splat<V>(E(F::mantissa))), e);
  V y = e + log_core(V(m - splat<V>(E(1))), splat<V>(E(0))) * splat<V>(E(1.4426950408889634));
  const V inf = splat<V>(E(__builtin_inf()));
  y = select(x == inf, inf, y);
  y = select(x == splat<V>(E(0)), V(-inf), y);
  y = select(x < splat<V>(E(0)), splat<V>(E(__builtin_nan(""))), y);
  return select(x != x, x, y);
}

// e^x - 1.
template <class V> INLINE V vexpm1(V x) {
  using E = Elem<V>;
  const V top = splat<V>(E(sizeof(E) == 4 ? 17 : 38));  // above, the 1 no longer matters
  return select(x > top, vexp(x), vexpm1_bounded(at_least(at_most(x, top), splat<V>(E(-60)))));
}

// log(1 + x), exact to a few ulp near 0 (Kahan: log(u) * x / (u - 1) with u = 1 + x rounded).
template <class V> INLINE V vlog1p(V x) {
  using E = Elem<V>;
  const V one = splat<V>(E(1)), u = one + x, d = u - one;
  const V inf = splat<V>(E(__builtin_inf()));
  V y = vlog(u) * (x / d);
  y = select(d == splat<V>(E(0)), x, y);
  return select(u == inf, u, y);
}

// tanh. float: a rational function x p(x²) / q(x²), fitted to a relative error of 2.1e-8 up to where tanh rounds to 1; with rounding at most 5 units
// of 2^-24. double: t = e^(2|x|) - 1 gives t / (t + 2), accurate near 0 because e^x - 1 is.
template <class V> INLINE V vtanh(V x) {
  using E = Elem<V>;
  if constexpr (sizeof(E) == 4) {
    const V limit = splat<V>(E(9.02)), one = splat<V>(E(1));
    const V y = at_least(at_most(x, limit), V(-limit)), z = y * y;
    V p = fma(z, splat<V>(E(1.3319057754156855e-08)), splat<V>(E(2.058347093694686e-05)));
    V q = fma(z, splat<V>(E(7.762013600266916e-07)), splat<V>(E(0.0003283091816370123)));
    p = fma(p, z, splat<V>(E(0.0034940339400685934)));
    q = fma(q, z, splat<V>(E(0.025871070875479314)));
    p = fma(p, z, splat<V>(E(0.133797174336602)));
    q = fma(q, z, splat<V>(E(0.4671303268004148)));
    p = fma(p, z, one);
    q = fma(q, z, one);
    return at_least(at_most(V(y * p / q), one), V(-one));
  } else {
    const V t = vexpm1_bounded(at_most(V(vabs(x) * splat<V>(E(2))), splat<V>(E(40))));
    return vcopysign(V(t / (t + splat<V>(E(2)))), x);
  }
}

// 1 / (1 + e^-x).
template <class V> INLINE V vsigmoid(V x) {
  using E = Elem<V>;
  return splat<V>(E(1)) / (splat<V>(E(1)) + vexp(V(-x)));
}

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|).
template <class V> INLINE V vsoftplus(V x) {
  using E = Elem<V>;
  return at_least(x, splat<V>(E(0))) + vlog1p(vexp(V(-vabs(x))));
}

// log(sigmoid(x)) = -softplus(-x).
template <class V> INLINE V vlogsigmoid(V x) { return -vsoftplus(V(-x)); }

}  // namespace fathom
