// The scalar operations of the two float compute types.
#pragma once
#include "loops.h"
#include "math.h"
#include "vmath.h"

namespace fathom {

template <class V> INLINE V constant(double x) { return splat<V>(Elem<V>(x)); }
template <class V, class M> INLINE V truth(M mask) { return select(mask, constant<V>(1), constant<V>(0)); }
template <class V> INLINE auto nonzero(V v) { return v != constant<V>(0); }
template <class V> INLINE auto is_nan(V v) { return v != v; }

#define OP1(name, expression) \
  struct V_##name { template <class V> static INLINE V run(V a) { return expression; } };
#define OP2(name, expression) \
  struct V_##name { template <class V> static INLINE V run(V a, V b) { return expression; } };
#define OP3(name, expression) \
  struct V_##name { template <class V> static INLINE V run(V a, V b, V c) { return expression; } };

OP1(mov, a)
OP1(neg, -a)
OP1(abs, vabs(a))
OP1(sign, truth<V>(a > constant<V>(0)) - truth<V>(a < constant<V>(0)))
OP1(ceil, vceil(a))
OP1(floor, vfloor(a))
OP1(round, vround(a))
OP1(trunc, vtrunc(a))
OP1(sqrt, vsqrt(a))
OP1(rsqrt, constant<V>(1) / vsqrt(a))
OP1(reciprocal, constant<V>(1) / a)
OP1(square, a * a)
OP1(exp, vexp(a))
OP1(exp2, vexp2(a))
OP1(expm1, vexpm1(a))
OP1(log, vlog(a))
OP1(log2, vlog2(a))
OP1(log1p, vlog1p(a))
OP1(tanh, vtanh(a))
OP1(sigmoid, vsigmoid(a))
OP1(logSigmoid, vlogsigmoid(a))
OP1(softplus, vsoftplus(a))
OP1(relu, at_least(a, constant<V>(0)))
OP1(isnan, truth<V>(is_nan(a)))
OP1(isinf, truth<V>(vabs(a) == constant<V>(__builtin_inf())))
OP1(isfinite, truth<V>(vabs(a) < constant<V>(__builtin_inf())))
OP1(signbit, truth<V>(vcopysign(constant<V>(1), a) < constant<V>(0)))
OP1(logicalNot, truth<V>(a == constant<V>(0)))
OP1(step, truth<V>(a > constant<V>(0)))
OP2(add, a + b)
OP2(sub, a - b)
OP2(mul, a * b)
OP2(div, a / b)
OP2(truncDiv, vtrunc(V(a / b)))
OP2(max, vmax(a, b))
OP2(min, vmin(a, b))
OP2(fmax, select(is_nan(a), b, V(select(is_nan(b), a, vmax(a, b)))))
OP2(fmin, select(is_nan(a), b, V(select(is_nan(b), a, vmin(a, b)))))
OP2(copysign, vcopysign(a, b))
OP2(eq, truth<V>(a == b))
OP2(ne, truth<V>(a != b))
OP2(lt, truth<V>(a < b))
OP2(le, truth<V>(a <= b))
OP2(gt, truth<V>(a > b))
OP2(ge, truth<V>(a >= b))
OP2(logicalAnd, truth<V>(nonzero(a) & nonzero(b)))
OP2(logicalOr, truth<V>(nonzero(a) | nonzero(b)))
OP2(logicalXor, truth<V>(nonzero(a) ^ nonzero(b)))
OP2(heaviside, select(is_nan(a), a, V(select(a == constant<V>(0), b, truth<V>(a > constant<V>(0))))))
OP3(where, select(nonzero(a), b, c))
OP3(fma, fma(a, b, c))
OP3(clamp, select(is_nan(a), a, vmin(vmax(a, b), c)))
OP3(lerp, select(vabs(c) < constant<V>(0.5), V(a + c * (b - a)), V(b - (b - a) * (constant<V>(1) - c))))

// Scalar forms, computed in double precision for both float types.
inline f64 s_floor_div(f64 a, f64 b) {
  if (b == 0) return a / b;
  const f64 mod = m_fmod(a, b);
  f64 q = (a - mod) / b;
  if (mod != 0 && (b < 0) != (mod < 0)) q -= 1;
  if (q == 0) return __builtin_copysign(0.0, a / b);
  const f64 f = __builtin_floor(q);
  return q - f > 0.5 ? f + 1 : f;
}
inline f64 s_remainder(f64 a, f64 b) {
  const f64 mod = m_fmod(a, b);
  return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;
}
inline f64 s_sinc(f64 x) { return x == 0 ? 1 : m_sinpi(x) / (3.14159265358979323846 * x); }
inline f64 s_logaddexp2(f64 a, f64 b) {
  if (a != a || b != b) return a + b;
  if (__builtin_isinf(a) && a == b) return a;
  const f64 m = a > b ? a : b;
  return m + m_log1p(m_exp2(-__builtin_fabs(a - b))) * 1.4426950408889634;
}
inline f64 s_xlogy(f64 a, f64 b) { return b != b ? b : a == 0 ? 0 : a * m_log(b); }
inline f64 s_entr(f64 a) { return a > 0 ? -a * m_log(a) : a == 0 ? 0 : a != a ? a : -__builtin_inf(); }
template <class T> inline T s_nextafter(T a, T b) {
  using I = IntOf<T>;
  if (a != a || b != b) return a + b;
  if (a == b) return b;
  if (a == 0) return vcopysign(bit_cast<T>(I(1)), b);
  const I i = bits(a);
  return bit_cast<T>(I((a < b) == (a > 0) ? i + 1 : i - 1));
}
// Bit and integer operations on integral floats.
inline f64 s_bit_not(f64 a) { return f64(~i64(a)); }
inline f64 s_bit_and(f64 a, f64 b) { return f64(i64(a) & i64(b)); }
inline f64 s_bit_or(f64 a, f64 b) { return f64(i64(a) | i64(b)); }
inline f64 s_bit_xor(f64 a, f64 b) { return f64(i64(a) ^ i64(b)); }
inline f64 s_shl(f64 a, f64 b) { return a * m_exp2(b); }
inline f64 s_shr(f64 a, f64 b) { return __builtin_floor(a * m_exp2(-b)); }

// Powers with common exponents keep to multiplications.
inline f64 s_pow(f64 a, f64 b) {
  if (b == 2) return a * a;
  if (b == 1) return a;
  if (b == 3) return a * a * a;
  if (b == -1) return 1 / a;
  if (b == 0.5 && a > 0) return __builtin_sqrt(a);
  return m_pow(a, b);
}

template <class T> StepFn<T> float_step(i32 op) {
  switch (op) {
#define LOOP1(name) case S_##name: return vector_loop1<T, V_##name>;
#define LOOP2(name) case S_##name: return vector_loop2<T, V_##name>;
#define LOOP3(name) case S_##name: return vector_loop3<T, V_##name>;
#define CALL1(name, function) case S_##name: return call_loop1<T, &function>;
#define CALL2(name, function) case S_##name: return call_loop2<T, &function>;
#define CALL3(name, function) case S_##name: return call_loop3<T, &function>;
    LOOP1(mov) LOOP1(neg) LOOP1(abs) LOOP1(sign) LOOP1(ceil) LOOP1(floor) LOOP1(round) LOOP1(trunc) LOOP1(sqrt) LOOP1(rsqrt) LOOP1(reciprocal)
    LOOP1(square) LOOP1(exp) LOOP1(exp2) LOOP1(expm1) LOOP1(log) LOOP1(log2) LOOP1(log1p) LOOP1(tanh) LOOP1(sigmoid) LOOP1(logSigmoid)
    LOOP1(softplus) LOOP1(relu) LOOP1(isnan) LOOP1(isinf) LOOP1(isfinite) LOOP1(signbit) LOOP1(logicalNot) LOOP1(step)
    LOOP2(add) LOOP2(sub) LOOP2(mul) LOOP2(div) LOOP2(truncDiv) LOOP2(max) LOOP2(min) LOOP2(fmax) LOOP2(fmin) LOOP2(copysign) LOOP2(eq) LOOP2(ne)
    LOOP2(lt) LOOP2(le) LOOP2(gt) LOOP2(ge) LOOP2(logicalAnd) LOOP2(logicalOr) LOOP2(logicalXor) LOOP2(heaviside)
    LOOP3(where) LOOP3(fma) LOOP3(clamp) LOOP3(lerp)
    CALL1(log10, m_log10) CALL1(sin, m_sin) CALL1(cos, m_cos) CALL1(tan, m_tan) CALL1(asin, m_asin) CALL1(acos, m_acos) CALL1(atan, m_atan)
    CALL1(sinh, m_sinh) CALL1(cosh, m_cosh) CALL1(asinh, m_asinh) CALL1(acosh, m_acosh) CALL1(atanh, m_atanh) CALL1(erf, m_erf)
    CALL1(erfc, m_erfc) CALL1(erfinv, m_erfinv) CALL1(lgamma, m_lgamma) CALL1(digamma, m_digamma) CALL1(i0, m_i0) CALL1(i0e, m_i0e)
    CALL1(i1, m_i1) CALL1(i1e, m_i1e) CALL1(ndtri, m_ndtri) CALL1(logNdtr, m_log_ndtr) CALL1(erfcx, m_erfcx) CALL1(besselJ0, m_j0)
    CALL1(besselJ1, m_j1) CALL1(besselY0, m_y0) CALL1(besselY1, m_y1) CALL1(besselK0, m_k0) CALL1(besselK1, m_k1) CALL1(sinc, s_sinc)
    CALL1(bitwiseNot, s_bit_not) CALL1(besselK0e, m_k0e) CALL1(besselK1e, m_k1e) CALL1(entr, s_entr)
    CALL2(floorDiv, s_floor_div) CALL2(fmod, m_fmod) CALL2(remainder, s_remainder) CALL2(pow, s_pow) CALL2(atan2, m_atan2) CALL2(hypot, m_hypot)
    CALL2(logaddexp, m_logaddexp) CALL2(logaddexp2, s_logaddexp2) CALL2(xlogy, s_xlogy) CALL2(bitAnd, s_bit_and) CALL2(bitOr, s_bit_or)
    CALL2(bitXor, s_bit_xor) CALL2(shl, s_shl) CALL2(shr, s_shr) CALL2(igamma, m_igamma) CALL2(igammac, m_igammac) CALL2(zeta, m_zeta)
    CALL2(polygamma, m_polygamma) CALL2(chebyshevT, m_chebyshev_t) CALL2(hermite, m_hermite) CALL2(hermiteHe, m_hermite_he)
    CALL3(gegenbauer, m_gegenbauer) CALL3(laguerre, m_laguerre)
    case S_nextafter: return call_loop2<T, &s_nextafter<T>>;
    default: return nullptr;
  }
}

}  // namespace fathom
