// Vector types over the compiler's vector extensions. The one header where a target's builtins are allowed.
#pragma once
#include "core.h"
#if defined(__aarch64__) && !defined(__clang__)
#include <arm_neon.h>
#endif

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

// Sum and difference of integers that wrap around, as those of the bits of numbers do on purpose.
template <class I, int Size = sizeof(Elem<I>)> struct UnsignedLike;
template <class I> struct UnsignedLike<I, 4> { using type = Vec<u32, lanes_of<I>>; };
template <class I> struct UnsignedLike<I, 8> { using type = Vec<u64, lanes_of<I>>; };
template <> struct UnsignedLike<i32, 4> { using type = u32; };
template <> struct UnsignedLike<i64, 8> { using type = u64; };
template <class I> INLINE I wrapping_add(I a, I b) {
  using U = typename UnsignedLike<I>::type;
  return bit_cast<I>(U(bit_cast<U>(a) + bit_cast<U>(b)));
}
template <class I> INLINE I wrapping_sub(I a, I b) {
  using U = typename UnsignedLike<I>::type;
  return bit_cast<I>(U(bit_cast<U>(a) - bit_cast<U>(b)));
}

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

// a < b ? a : b, which gives b where either is NaN: one instruction on x86.
template <class V> INLINE V lesser(V a, V b) {
#if defined(__SSE2__) && !defined(__clang__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_ia32_minps(a, b);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_ia32_minpd(a, b);
#if defined(__AVX__)
  else if constexpr (same_type<V, Vec<f32, 8>>) return __builtin_ia32_minps256(a, b);
  else if constexpr (same_type<V, Vec<f64, 4>>) return __builtin_ia32_minpd256(a, b);
#endif
#if defined(__AVX512F__)
  else if constexpr (same_type<V, Vec<f32, 16>>) return __builtin_ia32_minps512_mask(a, b, a, -1, 4);
  else if constexpr (same_type<V, Vec<f64, 8>>) return __builtin_ia32_minpd512_mask(a, b, a, -1, 4);
#endif
  else
#endif
  return select(a < b, a, b);
}
// a > b ? a : b, likewise.
template <class V> INLINE V greater(V a, V b) {
#if defined(__SSE2__) && !defined(__clang__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_ia32_maxps(a, b);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_ia32_maxpd(a, b);
#if defined(__AVX__)
  else if constexpr (same_type<V, Vec<f32, 8>>) return __builtin_ia32_maxps256(a, b);
  else if constexpr (same_type<V, Vec<f64, 4>>) return __builtin_ia32_maxpd256(a, b);
#endif
#if defined(__AVX512F__)
  else if constexpr (same_type<V, Vec<f32, 16>>) return __builtin_ia32_maxps512_mask(a, b, a, -1, 4);
  else if constexpr (same_type<V, Vec<f64, 8>>) return __builtin_ia32_maxpd512_mask(a, b, a, -1, 4);
#endif
  else
#endif
  return select(a > b, a, b);
}

// The smaller (larger) of x and a limit that is no NaN; a NaN in x stays. One instruction where vmin takes several.
template <class V> INLINE V at_most(V x, V limit) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_pmin_f32x4(x, limit);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_pmin_f64x2(x, limit);
  else
#endif
  return lesser(limit, x);
}
template <class V> INLINE V at_least(V x, V limit) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_pmax_f32x4(x, limit);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_pmax_f64x2(x, limit);
  else
#endif
  return greater(limit, x);
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
#elif defined(__aarch64__) && !defined(__clang__)
  if constexpr (same_type<V, Vec<f32, 4>>) return bit_cast<V>(vmaxq_f32(bit_cast<float32x4_t>(a), bit_cast<float32x4_t>(b)));
  else if constexpr (same_type<V, Vec<f64, 2>>) return bit_cast<V>(vmaxq_f64(bit_cast<float64x2_t>(a), bit_cast<float64x2_t>(b)));
  else
#endif
  return select(a != a, a, greater(a, b));
}
template <class V> INLINE V vmin(V a, V b) {
#if defined(__wasm_simd128__)
  if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_min_f32x4(a, b);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_min_f64x2(a, b);
  else
#elif defined(__aarch64__) && !defined(__clang__)
  if constexpr (same_type<V, Vec<f32, 4>>) return bit_cast<V>(vminq_f32(bit_cast<float32x4_t>(a), bit_cast<float32x4_t>(b)));
  else if constexpr (same_type<V, Vec<f64, 2>>) return bit_cast<V>(vminq_f64(bit_cast<float64x2_t>(a), bit_cast<float64x2_t>(b)));
  else
#endif
  return select(a != a, a, lesser(a, b));
}

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

// f(half) for both halves of a vector that is wider than a register of the target.
template <class V, class F> INLINE V by_halves(V v, F f) {
  using H = Vec<Elem<V>, lanes_of<V> / 2>;
  H part[2];
  __builtin_memcpy(part, &v, sizeof v);
  part[0] = f(part[0]);
  part[1] = f(part[1]);
  __builtin_memcpy(&v, part, sizeof v);
  return v;
}

template <class V> INLINE V vsqrt(V v) {
  if constexpr (same_type<V, f32>) return __builtin_sqrtf(v);
  else if constexpr (same_type<V, f64>) return __builtin_sqrt(v);
#if defined(__wasm_simd128__)
  else if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_wasm_sqrt_f32x4(v);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_wasm_sqrt_f64x2(v);
#elif defined(__SSE2__) && !defined(__clang__)
  else if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_ia32_sqrtps(v);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_ia32_sqrtpd(v);
#if defined(__AVX__)
  else if constexpr (same_type<V, Vec<f32, 8>>) return __builtin_ia32_sqrtps256(v);
  else if constexpr (same_type<V, Vec<f64, 4>>) return __builtin_ia32_sqrtpd256(v);
#endif
#if defined(__AVX512F__)
  else if constexpr (same_type<V, Vec<f32, 16>>) return __builtin_ia32_sqrtps512_mask(v, v, -1, 4);
  else if constexpr (same_type<V, Vec<f64, 8>>) return __builtin_ia32_sqrtpd512_mask(v, v, -1, 4);
#endif
#elif defined(__aarch64__) && !defined(__clang__)
  else if constexpr (same_type<V, Vec<f32, 4>>) return bit_cast<V>(vsqrtq_f32(bit_cast<float32x4_t>(v)));
  else if constexpr (same_type<V, Vec<f64, 2>>) return bit_cast<V>(vsqrtq_f64(bit_cast<float64x2_t>(v)));
#endif
  else if constexpr (sizeof(V) > 16) return by_halves(v, [](auto h) { return vsqrt(h); });
  else {
    for (int i = 0; i < lanes_of<V>; i++) v[i] = vsqrt(Elem<V>(v[i]));
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
enum Rounding : int { TO_NEAREST = 0, DOWN = 1, UP = 2, TO_ZERO = 3 };  // numbered as in SSE4.1
template <Rounding R, class V> INLINE V rounded(V v) {
  using E = Elem<V>;
  if constexpr (is_scalar<V>) {
    const f64 x = v;  // exact, also for what comes back
    return V(R == DOWN ? __builtin_floor(x) : R == UP ? __builtin_ceil(x) : R == TO_ZERO ? __builtin_trunc(x) : __builtin_rint(x));
  }
#if defined(__SSE4_1__)
  else if constexpr (same_type<V, Vec<f32, 4>>) return __builtin_ia32_roundps(v, R);
  else if constexpr (same_type<V, Vec<f64, 2>>) return __builtin_ia32_roundpd(v, R);
#if defined(__AVX__)
  else if constexpr (same_type<V, Vec<f32, 8>>) return __builtin_ia32_roundps256(v, R);
  else if constexpr (same_type<V, Vec<f64, 4>>) return __builtin_ia32_roundpd256(v, R);
#endif
#if defined(__AVX512F__)
  else if constexpr (same_type<V, Vec<f32, 16>>) return __builtin_ia32_rndscaleps_mask(v, R, v, -1, 4);
  else if constexpr (same_type<V, Vec<f64, 8>>) return __builtin_ia32_rndscalepd_mask(v, R, v, -1, 4);
#endif
#elif defined(__aarch64__)
  else if constexpr (same_type<V, Vec<f32, 4>>) {
    const float32x4_t x = bit_cast<float32x4_t>(v);
    return bit_cast<V>(R == DOWN ? vrndmq_f32(x) : R == UP ? vrndpq_f32(x) : R == TO_ZERO ? vrndq_f32(x) : vrndnq_f32(x));
  } else if constexpr (same_type<V, Vec<f64, 2>>) {
    const float64x2_t x = bit_cast<float64x2_t>(v);
    return bit_cast<V>(R == DOWN ? vrndmq_f64(x) : R == UP ? vrndpq_f64(x) : R == TO_ZERO ? vrndq_f64(x) : vrndnq_f64(x));
  }
#endif
  else if constexpr (sizeof(V) > 16) return by_halves(v, [](auto h) { return rounded<R>(h); });
  else {
    // Magnitudes below 2^23 (2^52) lose their fraction when that much is added; larger ones have none, NaN and infinities stay.
    const V whole = splat<V>(E(sizeof(E) == 4 ? 0x1p23 : 0x1p52)), size = vabs(v);
    V r = (size + whole) - whole;
    if constexpr (R == TO_ZERO) r -= select(r > size, splat<V>(E(1)), V{});
    r = vcopysign(r, v);
    if constexpr (R == DOWN) r = vcopysign(V(r - select(r > v, splat<V>(E(1)), V{})), v);
    if constexpr (R == UP) r = vcopysign(V(r + select(r < v, splat<V>(E(1)), V{})), v);
    return select(size < whole, r, v);
  }
}
template <class V> INLINE V vfloor(V v) { return rounded<DOWN>(v); }
template <class V> INLINE V vceil(V v) { return rounded<UP>(v); }
template <class V> INLINE V vtrunc(V v) { return rounded<TO_ZERO>(v); }
template <class V> INLINE V vround(V v) { return rounded<TO_NEAREST>(v); }
#endif

// 64-bit products of the lanes 0, 2, 4 … of two vectors of u32.
template <class U> INLINE Vec<u64, lanes_of<U> / 2> even_products(U a, U b) {
  using W = Vec<u64, lanes_of<U> / 2>;
#if defined(__SSE2__) && !defined(__clang__)
  using I = Vec<i32, lanes_of<U>>;
  if constexpr (sizeof(U) == 16) return bit_cast<W>(__builtin_ia32_pmuludq128(bit_cast<I>(a), bit_cast<I>(b)));
#if defined(__AVX2__)
  else if constexpr (sizeof(U) == 32) return bit_cast<W>(__builtin_ia32_pmuludq256(bit_cast<I>(a), bit_cast<I>(b)));
#endif
#if defined(__AVX512F__)
  else if constexpr (sizeof(U) == 64) return bit_cast<W>(__builtin_ia32_pmuludq512_mask(bit_cast<I>(a), bit_cast<I>(b), Vec<i64, 8>{}, -1));
#endif
  else
#endif
  return (bit_cast<W>(a) & u64(0xffffffff)) * (bit_cast<W>(b) & u64(0xffffffff));
}
// Even lanes of one vector and odd lanes of another.
template <class V> INLINE V alternate(V even, V odd) {
  constexpr int N = lanes_of<V>;
  static_assert(N == 4 || N == 8 || N == 16, "vectors of 4 to 16 lanes");
  if constexpr (N == 4) return __builtin_shufflevector(even, odd, 0, 5, 2, 7);
  else if constexpr (N == 8) return __builtin_shufflevector(even, odd, 0, 9, 2, 11, 4, 13, 6, 15);
  else return __builtin_shufflevector(even, odd, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31);
}

// Sum, maximum (NaN propagates) and minimum of the lanes, always in the same order.
template <class V, class F> INLINE Elem<V> across(V v, F join) {
  constexpr int N = lanes_of<V>;
  if constexpr (N == 1) return v;
  else if constexpr (N == 2) return join(Elem<V>(v[0]), Elem<V>(v[1]));
  else if constexpr (N == 4) {
    const V pairs = join(v, V(__builtin_shufflevector(v, v, 2, 3, 2, 3)));
    return join(Elem<V>(pairs[0]), Elem<V>(pairs[1]));
  } else {
    using H = Vec<Elem<V>, N / 2>;
    static_assert(N == 8 || N == 16, "vectors of 2 to 16 lanes");
    if constexpr (N == 8) return across(H(join(H(__builtin_shufflevector(v, v, 0, 1, 2, 3)), H(__builtin_shufflevector(v, v, 4, 5, 6, 7)))), join);
    else
      return across(H(join(H(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)), H(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)))), join);
  }
}
template <class V> INLINE Elem<V> hsum(V v) {
  return across(v, [](auto a, auto b) { return a + b; });
}
template <class V> INLINE Elem<V> hmax(V v) {
  return across(v, [](auto a, auto b) { return vmax(a, b); });
}
template <class V> INLINE Elem<V> hmin(V v) {
  return across(v, [](auto a, auto b) { return vmin(a, b); });
}

// Tells the processor that this is a spin loop.
INLINE void spin_hint() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace fathom
