// Conversions between storage dtypes and compute types, one value or a strided run at a time.
#pragma once
#include "simd.h"

namespace fathom {

// Truncation that saturates; NaN gives 0.
template <class I, class F> INLINE I saturate(F x) {
#if defined(__wasm__)
  return static_cast<I>(x);  // i64.trunc_sat, i32.trunc_sat
#else
  constexpr I low = sizeof(I) == 8 ? I(-9223372036854775807ll - 1) : I(-2147483647 - 1);
  if (!(x >= F(low))) return x != x ? I(0) : low;
  return x >= -F(low) ? I(-(low + 1)) : static_cast<I>(x);
#endif
}

INLINE f32 half_to_float(u16 h) {
  const u32 sign = u32(h & 0x8000) << 16, magnitude = h & 0x7fff;
  if (magnitude >= 0x7c00) return bit_cast<f32>(sign | 0x7f800000u | ((magnitude & 0x3ff) << 13));
  if (magnitude >= 0x400) return bit_cast<f32>(sign | ((magnitude << 13) + 0x38000000u));
  const f32 tiny = f32(magnitude) * 0x1p-24f;
  return bit_cast<f32>(bit_cast<u32>(tiny) | sign);
}

// Round to nearest even.
INLINE u16 float_to_half(f32 x) {
  const u32 b = bit_cast<u32>(x), sign = (b >> 16) & 0x8000, magnitude = b & 0x7fffffff;
  if (magnitude > 0x7f800000) return u16(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return u16(sign | 0x7c00);  // 65520 and above round to inf
  if (magnitude < 0x38800000) {                            // below 2^-14: adding 1/2 aligns the subnormal's last bit with the sum's
    const f32 t = bit_cast<f32>(magnitude) + 0.5f;
    return u16(sign | (bit_cast<u32>(t) - 0x3f000000u));
  }
  const u32 even = (magnitude >> 13) & 1;
  return u16(sign | ((magnitude - 0x38000000u + 0xfffu + even) >> 13));
}

INLINE f32 bfloat_to_float(u16 h) { return bit_cast<f32>(u32(h) << 16); }
INLINE u16 float_to_bfloat(f32 x) {
  const u32 b = bit_cast<u32>(x);
  if ((b & 0x7fffffff) > 0x7f800000) return u16((b >> 16) | 0x40);
  return u16((b + 0x7fff + ((b >> 16) & 1)) >> 16);
}

// One stored value as compute type T.
template <class T> INLINE T load_as(const u8* p, i32 dtype) {
  switch (dtype) {
    case F32: if constexpr (is_float<T>) return T(read<f32>(p)); else return saturate<i64>(read<f32>(p));
    case F64: if constexpr (is_float<T>) return T(read<f64>(p)); else return saturate<i64>(read<f64>(p));
    case I64: return T(read<i64>(p));
    case I32: return T(read<i32>(p));
    case F16: if constexpr (is_float<T>) return T(half_to_float(read<u16>(p))); else return saturate<i64>(half_to_float(read<u16>(p)));
    case BF16: if constexpr (is_float<T>) return T(bfloat_to_float(read<u16>(p))); else return saturate<i64>(bfloat_to_float(read<u16>(p)));
    default: return T(*p);
  }
}

template <class T> INLINE void store_as(u8* p, i32 dtype, T v) {
  switch (dtype) {
    case F32: return write<f32>(p, f32(v));
    case F64: return write<f64>(p, f64(v));
    case I64: if constexpr (is_float<T>) return write<i64>(p, saturate<i64>(v)); else return write<i64>(p, v);
    case I32: if constexpr (is_float<T>) return write<i32>(p, saturate<i32>(v)); else return write<i32>(p, i32(v));
    case U8: if constexpr (is_float<T>) *p = u8(saturate<i64>(v)); else *p = u8(v); return;
    case BOOL: *p = v != T(0); return;
    case F16: return write<u16>(p, float_to_half(f32(v)));
    case BF16: return write<u16>(p, float_to_bfloat(f32(v)));
  }
}

// n values at p, `step` bytes apart, as compute type T (f32, f64 or i64) to dense memory, and back.
template <class T> void load_run(T* to, const u8* p, i32 dtype, i64 step, i64 n);
template <class T> void store_run(u8* p, i32 dtype, i64 step, const T* from, i64 n);

// Dense copy that needs no call for short runs.
template <class T> INLINE void copy_run(T* to, const T* from, i64 n) {
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(to + i, load<Vec<T>>(from + i));
  for (; i < n; i++) to[i] = from[i];
}
template <class T> INLINE void fill_run(T* to, T value, i64 n) {
  const Vec<T> v = splat<Vec<T>>(value);
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(to + i, v);
  for (; i < n; i++) to[i] = value;
}

}  // namespace fathom
