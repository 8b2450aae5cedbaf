// Elementary functions in double precision: exponentials, logarithms, trigonometric and hyperbolic functions, powers.
#include "math.h"
#include "math_tables.h"
#include "vmath.h"

namespace fathom {

constexpr f64 PI = 3.14159265358979323846, HALF_PI = 1.57079632679489661923, HALF_PI_LOW = 0x1.1a62633145c07p-54, LN2 = 0.69314718055994530942;
constexpr f64 INF = __builtin_inf();

f64 m_exp(f64 x) { return vexp(x); }
f64 m_exp2(f64 x) { return vexp2(x); }
f64 m_expm1(f64 x) { return vexpm1(x); }
f64 m_log(f64 x) { return vlog(x); }
f64 m_log2(f64 x) { return vlog2(x); }
f64 m_log1p(f64 x) { return vlog1p(x); }

f64 m_log10(f64 x) {
  if (!(x > 0) || x == INF) return vlog(x);
  f64 scale = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p52;
    scale = -52;
  }
  i64 k;
  const f64 m = split_exponent(x, k), e = f64(k) + scale;
  // log10(2) in two parts, the first short enough for an exact product
  return e * 0x1.34413509f6000p-2 + (e * 0x1.9fef311f12b36p-42 + log_core(m - 1, 0.0) * 0.43429448190325182765);
}

// --- sine and cosine

// x = n pi/2 + high + low with |high| <= pi/4; returns n mod 4.
static i32 reduce_large(f64 x, f64& high, f64& low);
static INLINE i32 reduce_half_pi(f64 x, f64& high, f64& low) {
  if (__builtin_fabs(x) <= 0.78539816339744828) {
    high = x;
    low = 0;
    return 0;
  }
  if (__builtin_fabs(x) > 1e6) return reduce_large(x, high, low);
  // Cody and Waite: pi/2 as two parts of 33 bits, so that their products with n < 2^20 are exact, and a rest.
  const f64 n = __builtin_rint(x * 0.63661977236758134308);
  const f64 a = x - n * 0x1.921fb544p+0, p = n * 0x1.0b4611a6p-34;
  const f64 b = a - p, rest = ((a - b) - p) - n * 0x1.3198a2e037073p-69;
  high = b + rest;
  low = (b - high) + rest;
  return i32(i64(n) & 3);
}

// Payne and Hanek: the bits of x * 2/pi around the binary point, from an exact product with 192 bits of 2/pi.
static NOINLINE i32 reduce_large(f64 x, f64& high, f64& low) {
  const u64 b = bit_cast<u64>(x);
  const i32 exponent = i32((b >> 52) & 0x7ff) - 1075;  // |x| = m 2^exponent
  const u64 m = (b & 0xfffffffffffffull) | 0x10000000000000ull;
  // Words before `first` contribute multiples of four turns of pi/2 times 2^k only.
  const i32 first = exponent < 34 ? 0 : (exponent - 2) / 32;
  u32 product[8] = {0, 0, 0, 0, 0, 0, 0, 0};  // least significant word first
  for (i32 half = 0; half < 2; half++) {
    const u64 factor = half == 0 ? u32(m) : u32(m >> 32);
    u64 carry = 0;
    for (i32 i = 0; i < 6; i++) {
      const u64 t = factor * TWO_OVER_PI[first + 5 - i] + product[i + half] + carry;
      product[i + half] = u32(t);
      carry = t >> 32;
    }
    for (i32 i = 6 + half; i < 8 && carry; i++) {
      const u64 t = product[i] + carry;
      product[i] = u32(t);
      carry = t >> 32;
    }
  }
  const i32 point = 32 * (first + 6) - exponent;  // bits behind the binary point
  // 64 bits that start at bit position `at` (from the least significant; below 0: zeros)
  const auto window = [&](i32 at) {
    u64 r = 0;
    for (i32 k = 0; k < 64; k += 1) {
      const i32 i = at + k;
      if (i >= 0 && i < 256 && (product[i >> 5] >> (i & 31) & 1)) r |= u64(1) << k;
    }
    return r;
  };
  i32 n = i32(window(point) & 3);
  u64 top = window(point - 64), bottom = window(point - 128);
  const bool negative = (top >> 63) != 0;  // nearest multiple: fraction in [-1/2, 1/2)
  if (negative) {
    n += 1;
    bottom = ~bottom + 1;
    top = ~top + (bottom == 0);
  }
  f64 f = f64(top >> 11) * 0x1p-53, g = f64((top & 0x7ff) << 42 | bottom >> 22) * 0x1p-106;
  if (top >> 11 == 0) {
    f = g;
    g = 0;
  }
  // Times pi/2 in double-double: split f so that the partial products are exact.
  const f64 fh = bit_cast<f64>(bit_cast<u64>(f) & 0xfffffffff8000000ull), fl = f - fh;
  const f64 ph = 0x1.921fb54p+0, pl = HALF_PI - ph;
  const f64 p = f * HALF_PI, e = ((fh * ph - p) + fh * pl + fl * ph) + fl * pl;
  const f64 rest = e + f * HALF_PI_LOW + g * HALF_PI;
  high = p + rest;
  low = (p - high) + rest;
  if (x < 0) n = -n;
  if (negative != (x < 0)) {
    high = -high;
    low = -low;
  }
  return n & 3;
}

// sin and cos of high + low for |high| <= pi/4: Taylor series.
static INLINE f64 sin_core(f64 x, f64 low) {
  const f64 z = x * x;
  f64 p = 1.0 / 355687428096000;
  p = p * z - 1.0 / 1307674368000;
  p = p * z + 1.0 / 6227020800;
  p = p * z - 1.0 / 39916800;
  p = p * z + 1.0 / 362880;
  p = p * z - 1.0 / 5040;
  p = p * z + 1.0 / 120;
  p = p * z - 1.0 / 6;
  return x + (x * z * p + low * (1 - 0.5 * z));
}
static INLINE f64 cos_core(f64 x, f64 low) {
  const f64 z = x * x;
  f64 p = 1.0 / 20922789888000;
  p = p * z - 1.0 / 87178291200;
  p = p * z + 1.0 / 479001600;
  p = p * z - 1.0 / 3628800;
  p = p * z + 1.0 / 40320;
  p = p * z - 1.0 / 720;
  p = p * z + 1.0 / 24;
  const f64 half = 0.5 * z, w = 1 - half;
  return w + (((1 - w) - half) + (z * z * p - x * low));
}

static INLINE f64 quadrant_sin(i32 n, f64 high, f64 low) {
  const f64 y = n & 1 ? cos_core(high, low) : sin_core(high, low);
  return n & 2 ? -y : y;
}

f64 m_sin(f64 x) {
  if (!(__builtin_fabs(x) < INF)) return x - x;
  if (x == 0) return x;
  f64 high, low;
  const i32 n = reduce_half_pi(x, high, low);
  return quadrant_sin(n, high, low);
}
f64 m_cos(f64 x) {
  if (!(__builtin_fabs(x) < INF)) return x - x;
  f64 high, low;
  const i32 n = reduce_half_pi(x, high, low);
  return quadrant_sin(n + 1, high, low);
}
f64 m_tan(f64 x) {
  if (!(__builtin_fabs(x) < INF)) return x - x;
  if (x == 0) return x;
  f64 high, low;
  const i32 n = reduce_half_pi(x, high, low);
  const f64 s = sin_core(high, low), c = cos_core(high, low);
  return n & 1 ? -c / s : s / c;
}

f64 m_sinpi(f64 x) {
  if (!(__builtin_fabs(x) < INF)) return x - x;
  if (__builtin_fabs(x) >= 0x1p52) return 0 * x;
  const f64 n = __builtin_rint(2 * x), r = x - 0.5 * n;
  if (r == 0 && (i64(n) & 1) == 0) return 0 * x;
  return quadrant_sin(i32(i64(n) & 3), r * PI, 0);
}
f64 m_cospi(f64 x) {
  if (!(__builtin_fabs(x) < INF)) return x - x;
  if (__builtin_fabs(x) >= 0x1p53) return 1;
  const f64 n = __builtin_rint(2 * x), r = x - 0.5 * n;
  if (r == 0 && (i64(n) & 1) == 1) return 0;
  return quadrant_sin(i32((i64(n) + 1) & 3), r * PI, 0);
}

// --- inverse functions

f64 m_atan(f64 x) {
  f64 a = __builtin_fabs(x);
  if (a != a) return x;
  const bool inverted = a > 1;
  if (inverted) a = 1 / a;
  // atan(a) = atan(c) + atan((a - c) / (1 + a c)) with c the nearest eighth, so the rest is at most 1/16
  const i32 k = i32(a * 8 + 0.5);
  const f64 c = k * 0.125, t = (a - c) / (1 + a * c), z = t * t;
  f64 p = 1.0 / 13;
  p = p * z - 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z - 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z - 1.0 / 3;
  f64 y = ATAN_EIGHTHS[k] + (t + t * z * p);
  if (inverted) y = HALF_PI - (y - 6.123233995736766e-17);
  return __builtin_copysign(y, x);
}

f64 m_atan2(f64 y, f64 x) {
  if (x != x || y != y) return x + y;
  if (y == 0) return __builtin_signbit(x) ? __builtin_copysign(PI, y) : y;
  if (x == 0) return __builtin_copysign(HALF_PI, y);
  const f64 ax = __builtin_fabs(x), ay = __builtin_fabs(y);
  f64 a;
  if (ax == INF) a = ay == INF ? HALF_PI / 2 : 0;
  else if (ay == INF) a = HALF_PI;
  else if (ay / ax == INF) a = HALF_PI;
  else a = m_atan(ay / ax);
  if (x < 0) a = PI - (a - 1.2246467991473532e-16);
  return __builtin_copysign(a, y);
}

f64 m_asin(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a > 1) return __builtin_nan("");
  return m_atan(x / __builtin_sqrt((1 - a) * (1 + a)));
}
f64 m_acos(f64 x) {
  if (__builtin_fabs(x) > 1) return __builtin_nan("");
  return x == -1 ? PI : 2 * m_atan(__builtin_sqrt((1 - x) / (1 + x)));
}

f64 m_sinh(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a > 36) {
    const f64 h = vexp(0.5 * a);
    return __builtin_copysign(0.5 * h * h, x);
  }
  const f64 t = vexpm1_bounded(a);
  return __builtin_copysign(0.5 * (t + t / (t + 1)), x);
}
f64 m_cosh(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a > 36) {
    const f64 h = vexp(0.5 * a);
    return 0.5 * h * h;
  }
  const f64 e = vexp(a);
  return 0.5 * (e + 1 / e);
}
f64 m_tanh(f64 x) { return vtanh(x); }

f64 m_asinh(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a > 0x1p500) return __builtin_copysign(vlog(a) + LN2, x);
  return __builtin_copysign(vlog1p(a + a * a / (1 + __builtin_sqrt(a * a + 1))), x);
}
f64 m_acosh(f64 x) {
  if (x > 0x1p500) return vlog(x) + LN2;
  const f64 t = x - 1;
  return vlog1p(t + __builtin_sqrt(t * (x + 1)));
}
f64 m_atanh(f64 x) {
  const f64 a = __builtin_fabs(x);
  return __builtin_copysign(0.5 * vlog1p(2 * a / (1 - a)), x);
}

// --- powers, lengths, remainders

f64 m_pow(f64 a, f64 b) {
  if (b == 0 || a == 1) return 1;
  if (a != a || b != b) return a + b;
  const f64 size = __builtin_fabs(a);
  if (__builtin_fabs(b) == INF) return size == 1 ? 1 : (size > 1) == (b > 0) ? INF : 0;
  const bool whole = __builtin_floor(b) == b, odd = whole && __builtin_fabs(b) < 0x1p53 && (i64(b) & 1);
  if (size == 0) {
    const f64 r = b < 0 ? INF : 0;
    return odd ? __builtin_copysign(r, a) : r;
  }
  if (a < 0 && !whole && size != INF) return __builtin_nan("");
  if (whole && __builtin_fabs(b) <= 64 && size != INF) {
    // repeated squaring: exact where the result is exact
    f64 r = 1, p = size;
    for (i64 n = i64(__builtin_fabs(b)); n > 0; n >>= 1, p *= p)
      if (n & 1) r *= p;
    if (b > 0 || (r < INF && r >= 0x1p-1022)) {
      r = b < 0 ? 1 / r : r;
      return odd && a < 0 ? -r : r;
    }
  }
  // log(size) = k ln 2 + log(m), k ln 2 in two parts: the error of the product with b stays a few units of the last place of b log(size)
  f64 y;
  if (size == INF) {
    y = b < 0 ? 0 : INF;
  } else {
    f64 x = size, scale = 0;
    if (x < 0x1p-1022) {
      x *= 0x1p52;
      scale = -52;
    }
    i64 k;
    const f64 m = split_exponent(x, k), e = f64(k) + scale;
    const f64 whole_part = __builtin_rint(b * e);  // 2^whole_part leaves the exponent small
    if (__builtin_fabs(whole_part) > 4000) {
      y = vexp(b * vlog(size));
    } else {
      const f64 q = b * e, bh = bit_cast<f64>(bit_cast<u64>(b) & 0xfffffffff8000000ull);
      const f64 error = (bh * e - q) + (b - bh) * e;  // b e = q + error, exactly
      y = vexp(((q - whole_part) + error) * LN2 + b * log_core(m - 1, 0.0));
      const i64 n = i64(whole_part), half = n / 2;
      y = n > 2000 ? INF : n < -2200 ? 0 : y * vexp2(f64(half)) * vexp2(f64(n - half));
    }
  }
  return odd && a < 0 ? -y : y;
}

f64 m_hypot(f64 a, f64 b) {
  a = __builtin_fabs(a);
  b = __builtin_fabs(b);
  if (a == INF || b == INF) return INF;
  if (a != a || b != b) return a + b;
  const f64 big = a > b ? a : b, small = a > b ? b : a;
  if (big == 0) return 0;
  const f64 r = small / big;
  return big > 0x1p-500 && big < 0x1p500 ? __builtin_sqrt(a * a + b * b) : big * __builtin_sqrt(1 + r * r);
}

// log(e^a + e^b)
f64 m_logaddexp(f64 a, f64 b) {
  if (a != a || b != b) return a + b;
  if (a == b && __builtin_fabs(a) == INF) return a;
  return (a > b ? a : b) + m_log1p(m_exp(-__builtin_fabs(a - b)));
}

// Exact: long division of the significands.
f64 m_fmod(f64 a, f64 b) {
  const f64 x = __builtin_fabs(a), y = __builtin_fabs(b);
  if (!(x < INF) || y == 0 || y != y) return __builtin_nan("");
  if (x < y) return a;
  if (y == INF) return a;
  const auto parts = [](f64 v, i32& e) {
    const u64 bits = bit_cast<u64>(v);
    e = i32(bits >> 52);
    u64 m = bits & 0xfffffffffffffull;
    if (e == 0) e = 1;
    else m |= 0x10000000000000ull;
    return m;
  };
  i32 ex, ey;
  u64 mx = parts(x, ex);
  const u64 my = parts(y, ey);
  i32 shift = ex - ey;
  mx %= my;
  while (shift > 0 && mx != 0) {
    const i32 s = shift < 11 ? shift : 11;
    mx = (mx << s) % my;
    shift -= s;
  }
  // mx 2^(ey - 1075); exact, mx being below 2^53
  if (mx == 0) return __builtin_copysign(0.0, a);
  i32 e = ey;
  while (mx < 0x10000000000000ull && e > 1) {
    mx <<= 1;
    e--;
  }
  const u64 result = mx < 0x10000000000000ull ? mx : (mx & 0xfffffffffffffull) | (u64(e) << 52);
  return __builtin_copysign(bit_cast<f64>(result), a);
}

}  // namespace fathom
