// Vector types over the compiler's vector extensions. The one header where a target's builtins are allowed.
#pragma once
#include "core.h"

namespace fathom {

// Bytes of the vector that one register of the target holds; wider Vec<T, N> are legal and are split by the compiler.
#ifndef FATHOM_VECTOR_BYTES
#if defined(__AVX512F__)
#define FATHOM_VECTOR_BYTES 64
#elif defined(__AVX__)
#define FATHOM_VECTOR_BYTES 32
#else
#define FATHOM_VECTOR_BYTES 16
#endif
#endif
constexpr int VBYTES = FATHOM_VECTOR_BYTES;

template <class T> constexpr int LANES = VBYTES / int(sizeof(T));

template <class T, int N> struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
// N lanes of T; N a power of two.
template <class T, int N = LANES<T>> using Vec = typename VecOf<T, N>::type;

// Element type, lane count and matching integer type of a vector, or of a plain scalar (one lane): maths templates take both.
template <class V> struct Lane {
  using type = __typeof__(V{}[0] + V{}[0]);
};
template <> struct Lane<f32> { using type = f32; };
template <> struct Lane<f64> { using type = f64; };
template <> struct Lane<i32> { using type = i32; };
template <> struct Lane<i64> { using type = i64; };
template <class V> using Elem = typename Lane<V>::type;
template <class V> constexpr int lanes_of = int(sizeof(V) / sizeof(Elem<V>));
template <class V> constexpr bool is_scalar = false;
template <> inline constexpr bool is_scalar<f32> = true;
template <> inline constexpr bool is_scalar<f64> = true;

template <class V, int Size = sizeof(Elem<V>)> struct IntLike;
template <class V> struct IntLike<V, 4> { using type = Vec<i32, lanes_of<V>>; };
template <class V> struct IntLike<V, 8> { using type = Vec<i64, lanes_of<V>>; };
template <> struct IntLike<f32, 4> { using type = i32; };
template <> struct IntLike<f64, 8> { using type = i64; };
template <class V> using IntOf = typename IntLike<V>::type;

// Unaligned loads and stores.
template <class V> INLINE V load(const void* p) { V v; __builtin_memcpy(&v, p, sizeof v); return v; }
template <class V> INLINE void store(void* p, V v) { __builtin_memcpy(p, &v, sizeof v); }

template <class V> INLINE V splat(Elem<V> x) {
  if constexpr (sizeof(V) == sizeof(Elem<V>)) {
    return bit_cast<V>(x);
  } else {
    return x - V{};  // not lane by lane: g++ would insert them one after the other. The minus keeps -0.
  }
}

// mask ? a : b, lane by lane; mask is the result of a comparison.
template <class M, class V> INLINE V select(M mask, V a, V b) {
#if defined(__wasm_relaxed_simd__)
  // Clang would turn a comparison and its selection into relaxed_min or relaxed_max, which lose NaN: hide where the mask comes from.
  if constexpr (sizeof(M) == 16 && sizeof(V) == 16) {
    __asm__("" : "+r"(mask));
    const IntOf<V> m = bit_cast<IntOf<V>>(mask);
    return bit_cast<V>(IntOf<V>((bit_cast<IntOf<V>>(a) & m) | (bit_cast<IntOf<V>>(b) & ~m)));
  }
#endif
  return mask ? a : b;
}

// The smaller (larger) of x and a limit that is no NaN; a NaN in x stays. One instruction where vmin takes several.
template <class V> INLINE V at_most(V x, V limit) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_pmin_f32x4(x, limit);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_pmin_f64x2(x, limit);
  else
#endif
  return select(limit < x, limit, x);
}
template <class V> INLINE V at_least(V x, V limit) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_pmax_f32x4(x, limit);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_pmax_f64x2(x, limit);
  else
#endif
  return select(x < limit, limit, x);
}

template <class V> INLINE IntOf<V> bits(V v) { return bit_cast<IntOf<V>>(v); }

// a * b + c, fused where the target has it (one rounding or two: the last bit may differ between machines).
template <class V> INLINE V fma(V a, V b, V c) {
#if defined(__wasm_relaxed_simd__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_relaxed_madd_f64x2(a, b, c);
  else if constexpr (sizeof(V) > 16) {
    V r;
    using H = Vec<Elem<V>, 16 / sizeof(Elem<V>)>;
    for (unsigned i = 0; i < sizeof(V) / 16; i++) {
      H x = load<H>(reinterpret_cast<const u8*>(&a) + 16 * i), y = load<H>(reinterpret_cast<const u8*>(&b) + 16 * i);
      H z = load<H>(reinterpret_cast<const u8*>(&c) + 16 * i);
      store(reinterpret_cast<u8*>(&r) + 16 * i, fma(x, y, z));
    }
    return r;
  } else return a * b + c;
#else
  return a * b + c;  // native builds pass -ffp-contract=fast
#endif
}

// Smaller and larger of two; a NaN in either operand gives NaN (torch.maximum).
template <class V> INLINE V vmax(V a, V b) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_max_f32x4(a, b);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_max_f64x2(a, b);
  else
#endif
  if constexpr (is_scalar<V>) return a > b || a != a ? a : b;
  else return ((a > b) | (a != a)) ? a : b;
}
template <class V> INLINE V vmin(V a, V b) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_min_f32x4(a, b);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_min_f64x2(a, b);
  else
#endif
  if constexpr (is_scalar<V>) return a < b || a != a ? a : b;
  else return ((a < b) | (a != a)) ? a : b;
}

template <class V> INLINE V vsqrt(V v) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_sqrt_f32x4(v);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_sqrt_f64x2(v);
  else
#endif
  if constexpr (same_type<V, f32>) return __builtin_sqrtf(v);
  else if constexpr (same_type<V, f64>) return __builtin_sqrt(v);
  else {
    for (int i = 0; i < lanes_of<V>; i++) v[i] = vsqrt(v[i]);
    return v;
  }
}

// Rounding to integers, lane by lane; `vround` rounds halves to even.
#if defined(__clang__)
template <class V> INLINE V vfloor(V v) { return __builtin_elementwise_floor(v); }
template <class V> INLINE V vceil(V v) { return __builtin_elementwise_ceil(v); }
template <class V> INLINE V vtrunc(V v) { return __builtin_elementwise_trunc(v); }
template <class V> INLINE V vround(V v) { return __builtin_elementwise_rint(v); }
#else
template <class V, class F> INLINE V lanewise(V v, F f) {
  if constexpr (is_scalar<V>) return V(f(v));
  else {
    for (int i = 0; i < lanes_of<V>; i++) v[i] = Elem<V>(f(v[i]));
    return v;
  }
}
template <class V> INLINE V vfloor(V v) { return lanewise(v, [](double x) { return __builtin_floor(x); }); }
template <class V> INLINE V vceil(V v) { return lanewise(v, [](double x) { return __builtin_ceil(x); }); }
template <class V> INLINE V vtrunc(V v) { return lanewise(v, [](double x) { return __builtin_trunc(x); }); }
template <class V> INLINE V vround(V v) { return lanewise(v, [](double x) { return __builtin_rint(x); }); }
#endif

template <class V> INLINE V vabs(V v) {
  using I = IntOf<V>;
  constexpr auto mask = sizeof(Elem<V>) == 4 ? i64(0x7fffffff) : i64(0x7fffffffffffffff);
  return bit_cast<V>(I(bits(v) & Elem<I>(mask)));
}
// The magnitude of a with the sign of b.
template <class V> INLINE V vcopysign(V a, V b) {
  using I = IntOf<V>;
  constexpr auto sign = sizeof(Elem<V>) == 4 ? i64(-2147483647 - 1) : i64(-9223372036854775807ll - 1);
  return bit_cast<V>(I((bits(a) & Elem<I>(~sign)) | (bits(b) & Elem<I>(sign))));
}

// Sum, maximum (NaN propagates) and minimum of the lanes, always in the same order.
template <class V> INLINE Elem<V> hsum(V v) {
  Elem<V> t[lanes_of<V>];
  __builtin_memcpy(t, &v, sizeof v);
  for (int n = lanes_of<V> / 2; n > 0; n /= 2)
    for (int i = 0; i < n; i++) t[i] += t[i + n];
  return t[0];
}
template <class V> INLINE Elem<V> hmax(V v) {
  Elem<V> t = v[0];
  for (int i = 1; i < lanes_of<V>; i++) t = vmax(t, Elem<V>(v[i]));
  return t;
}
template <class V> INLINE Elem<V> hmin(V v) {
  Elem<V> t = v[0];
  for (int i = 1; i < lanes_of<V>; i++) t = vmin(t, Elem<V>(v[i]));
  return t;
}

// Tells the processor that this is a spin loop.
INLINE void spin_hint() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace fathom
