// Scalar operations in int64: two's complement, wrapping.
#include "loops.h"

namespace fathom {

static INLINE i64 wrap_add(i64 a, i64 b) { return i64(u64(a) + u64(b)); }
static INLINE i64 wrap_sub(i64 a, i64 b) { return i64(u64(a) - u64(b)); }
static INLINE i64 wrap_mul(i64 a, i64 b) { return i64(u64(a) * u64(b)); }

static i64 i_mov(i64 a) { return a; }
static i64 i_neg(i64 a) { return wrap_sub(0, a); }
static i64 i_abs(i64 a) { return a < 0 ? wrap_sub(0, a) : a; }
static i64 i_sign(i64 a) { return (a > 0) - (a < 0); }
static i64 i_square(i64 a) { return wrap_mul(a, a); }
static i64 i_relu(i64 a) { return a > 0 ? a : 0; }
static i64 i_zero(i64) { return 0; }
static i64 i_one(i64) { return 1; }
static i64 i_signbit(i64 a) { return a < 0; }
static i64 i_not(i64 a) { return a == 0; }
static i64 i_bit_not(i64 a) { return ~a; }
static i64 i_step(i64 a) { return a > 0; }

static i64 i_trunc_div(i64 a, i64 b) {
  if (b == 0) {
    fail(DIVISION_BY_ZERO);
    return 0;
  }
  return b == -1 ? wrap_sub(0, a) : a / b;
}
static i64 i_fmod(i64 a, i64 b) {
  if (b == 0) {
    fail(DIVISION_BY_ZERO);
    return 0;
  }
  return b == -1 ? 0 : a % b;
}
static i64 i_floor_div(i64 a, i64 b) {
  const i64 q = i_trunc_div(a, b);
  return b != 0 && b != -1 && a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
static i64 i_remainder(i64 a, i64 b) {
  const i64 r = i_fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static i64 i_reciprocal(i64 a) { return i_trunc_div(1, a); }
static i64 i_pow(i64 a, i64 b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? ((b & 1) ? -1 : 1) : 0;
  i64 r = 1;
  for (; b > 0; b >>= 1) {
    if (b & 1) r = wrap_mul(r, a);
    a = wrap_mul(a, a);
  }
  return r;
}
static i64 i_add(i64 a, i64 b) { return wrap_add(a, b); }
static i64 i_sub(i64 a, i64 b) { return wrap_sub(a, b); }
static i64 i_mul(i64 a, i64 b) { return wrap_mul(a, b); }
static i64 i_max(i64 a, i64 b) { return a > b ? a : b; }
static i64 i_min(i64 a, i64 b) { return a < b ? a : b; }
static i64 i_copysign(i64 a, i64 b) { return (a < 0) == (b < 0) ? a : wrap_sub(0, a); }
static i64 i_eq(i64 a, i64 b) { return a == b; }
static i64 i_ne(i64 a, i64 b) { return a != b; }
static i64 i_lt(i64 a, i64 b) { return a < b; }
static i64 i_le(i64 a, i64 b) { return a <= b; }
static i64 i_gt(i64 a, i64 b) { return a > b; }
static i64 i_ge(i64 a, i64 b) { return a >= b; }
static i64 i_bit_and(i64 a, i64 b) { return a & b; }
static i64 i_bit_or(i64 a, i64 b) { return a | b; }
static i64 i_bit_xor(i64 a, i64 b) { return a ^ b; }
// Shifts by the width or more: zeros from the right, the sign from the left.
static i64 i_shl(i64 a, i64 b) { return b < 0 || b > 63 ? 0 : i64(u64(a) << b); }
static i64 i_shr(i64 a, i64 b) { return b < 0 || b > 63 ? (a < 0 ? -1 : 0) : a >> b; }
static i64 i_and(i64 a, i64 b) { return a != 0 && b != 0; }
static i64 i_or(i64 a, i64 b) { return a != 0 || b != 0; }
static i64 i_xor(i64 a, i64 b) { return (a != 0) != (b != 0); }
static i64 i_gcd(i64 a, i64 b) {
  a = i_abs(a);
  b = i_abs(b);
  while (b != 0) {
    const i64 r = i64(u64(a) % u64(b));
    a = b;
    b = r;
  }
  return a;
}
static i64 i_lcm(i64 a, i64 b) {
  const i64 g = i_gcd(a, b);
  return g == 0 ? 0 : i_abs(wrap_mul(a / g, b));
}
static i64 i_heaviside(i64 a, i64 b) { return a == 0 ? b : a > 0; }
static i64 i_where(i64 a, i64 b, i64 c) { return a != 0 ? b : c; }
static i64 i_fma(i64 a, i64 b, i64 c) { return wrap_add(wrap_mul(a, b), c); }
static i64 i_clamp(i64 a, i64 b, i64 c) { return i_min(i_max(a, b), c); }
static i64 i_lerp(i64 a, i64 b, i64 c) { return wrap_add(a, wrap_mul(c, wrap_sub(b, a))); }

template <> StepFn<i64> step_function<i64>(i32 op) {
  switch (op) {
#define CALL1(name, function) case S_##name: return call_loop1<i64, &function>;
#define CALL2(name, function) case S_##name: return call_loop2<i64, &function>;
#define CALL3(name, function) case S_##name: return call_loop3<i64, &function>;
    CALL1(mov, i_mov) CALL1(neg, i_neg) CALL1(abs, i_abs) CALL1(sign, i_sign) CALL1(ceil, i_mov) CALL1(floor, i_mov) CALL1(round, i_mov)
    CALL1(trunc, i_mov) CALL1(square, i_square) CALL1(relu, i_relu) CALL1(isnan, i_zero) CALL1(isinf, i_zero) CALL1(isfinite, i_one)
    CALL1(signbit, i_signbit) CALL1(logicalNot, i_not) CALL1(bitwiseNot, i_bit_not) CALL1(step, i_step) CALL1(reciprocal, i_reciprocal)
    CALL2(add, i_add) CALL2(sub, i_sub) CALL2(mul, i_mul) CALL2(div, i_trunc_div) CALL2(floorDiv, i_floor_div) CALL2(truncDiv, i_trunc_div)
    CALL2(fmod, i_fmod) CALL2(remainder, i_remainder) CALL2(pow, i_pow) CALL2(max, i_max) CALL2(min, i_min) CALL2(fmax, i_max) CALL2(fmin, i_min)
    CALL2(copysign, i_copysign) CALL2(eq, i_eq) CALL2(ne, i_ne) CALL2(lt, i_lt) CALL2(le, i_le) CALL2(gt, i_gt) CALL2(ge, i_ge)
    CALL2(bitAnd, i_bit_and) CALL2(bitOr, i_bit_or) CALL2(bitXor, i_bit_xor) CALL2(shl, i_shl) CALL2(shr, i_shr) CALL2(logicalAnd, i_and)
    CALL2(logicalOr, i_or) CALL2(logicalXor, i_xor) CALL2(gcd, i_gcd) CALL2(lcm, i_lcm) CALL2(heaviside, i_heaviside)
    CALL3(where, i_where) CALL3(fma, i_fma) CALL3(clamp, i_clamp) CALL3(lerp, i_lerp)
    default: return nullptr;
  }
}

}  // namespace fathom
