// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): random numbers from a key and a counter.
#pragma once
#include "simd.h"

namespace fathom {

struct PhiloxBlock {
  u32 lane[4];
};

struct Philox {
  u32 key0, key1;
  u64 offset;

  // Key and offset from four instruction words, each 32 bits, low before high.
  INLINE explicit Philox(const double* w)
      : key0(u32(i64(w[0]))), key1(u32(i64(w[1]))), offset((u64(u32(i64(w[3]))) << 32) | u32(i64(w[2]))) {}

  INLINE PhiloxBlock block(u64 k) const {
    const u64 counter = offset + k;
    u32 c0 = u32(counter), c1 = u32(counter >> 32), c2 = 0, c3 = 0, k0 = key0, k1 = key1;
    for (i32 round = 0; round < 10; round++) {
      const u64 p0 = u64(0xd2511f53u) * c0, p1 = u64(0xcd9e8d57u) * c2;
      const u32 n0 = u32(p1 >> 32) ^ c1 ^ k0, n2 = u32(p0 >> 32) ^ c3 ^ k1;
      c1 = u32(p1);
      c3 = u32(p0);
      c0 = n0;
      c2 = n2;
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
    return {{c0, c1, c2, c3}};
  }

  // The draws of N neighbouring blocks: lane i of c[j] is draw j of block k + i.
  template <int N> INLINE void blocks(u64 k, Vec<u32, N> (&c)[4]) const {
    using U = Vec<u32, N>;
    const u64 counter = offset + k;
    U step;
    for (i32 i = 0; i < N; i++) step[i] = u32(i);
    c[0] = splat<U>(u32(counter)) + step;
    c[1] = splat<U>(u32(counter >> 32)) - bit_cast<U>(c[0] < step);  // a carry is a comparison's -1
    c[2] = c[3] = U{};
    u32 k0 = key0, k1 = key1;
    for (i32 round = 0; round < 10; round++) {
      U low0, high0, low1, high1;
      multiply<N>(c[0], 0xd2511f53u, low0, high0);
      multiply<N>(c[2], 0xcd9e8d57u, low1, high1);
      c[0] = high1 ^ c[1] ^ splat<U>(k0);
      c[2] = high0 ^ c[3] ^ splat<U>(k1);
      c[1] = low1;
      c[3] = low0;
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
  }

  // The draws of blocks k to k + 3, block after block.
  INLINE void four_blocks(u64 k, u32* draws) const {
    using U = Vec<u32, 4>;
    U c[4];
    blocks<4>(k, c);
    const U a = __builtin_shufflevector(c[0], c[1], 0, 4, 1, 5), b = __builtin_shufflevector(c[2], c[3], 0, 4, 1, 5);
    const U p = __builtin_shufflevector(c[0], c[1], 2, 6, 3, 7), q = __builtin_shufflevector(c[2], c[3], 2, 6, 3, 7);
    store(draws, U(__builtin_shufflevector(a, b, 0, 1, 4, 5)));
    store(draws + 4, U(__builtin_shufflevector(a, b, 2, 3, 6, 7)));
    store(draws + 8, U(__builtin_shufflevector(p, q, 0, 1, 4, 5)));
    store(draws + 12, U(__builtin_shufflevector(p, q, 2, 3, 6, 7)));
  }

  // Bernoulli draws of as many blocks as a vector has lanes, a byte each: 1 where the draw is below `bound` (bernoulli_bound).
  static constexpr int KEPT_BLOCKS = LANES<u32>;
  INLINE void keep_bytes(u64 k, u32 bound, u8* out) const {
    using U = Vec<u32>;
    using I = Vec<i32>;
    U c[4];
    blocks<KEPT_BLOCKS>(k, c);
    const I limit = splat<I>(i32(bound));
    I word{};
    for (i32 j = 0; j < 4; j++) word |= I(bit_cast<I>(U(c[j] >> 8)) < limit) & splat<I>(1 << 8 * j);
    store(out, word);
  }

 private:
  // Both halves of the 64-bit products of the lanes with a constant.
  template <int N> static INLINE void multiply(Vec<u32, N> x, u32 by, Vec<u32, N>& low, Vec<u32, N>& high) {
    using U = Vec<u32, N>;
    using W = Vec<u64, N / 2>;
#if defined(__wasm__)
    using H = Vec<u32, 2>;
    U factors = {by, by, by, by};
    // A constant would become a full 64-bit multiplication; two operands extended in the loop become one instruction.
    __asm__ volatile("" : "+r"(factors));
    const W factor = __builtin_convertvector(H(__builtin_shufflevector(factors, factors, 0, 1)), W);
    const W first = __builtin_convertvector(H(__builtin_shufflevector(x, x, 0, 1)), W) * factor;
    const W second = __builtin_convertvector(H(__builtin_shufflevector(x, x, 2, 3)), W) * factor;
    const U a = bit_cast<U>(first), b = bit_cast<U>(second);
    low = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    high = __builtin_shufflevector(a, b, 1, 3, 5, 7);
#else
    const U factor = splat<U>(by);
    const W even = even_products(x, factor), odd = even_products(bit_cast<U>(W(bit_cast<W>(x) >> 32)), factor);
    low = alternate(bit_cast<U>(even), bit_cast<U>(W(odd << 32)));
    high = alternate(bit_cast<U>(W(even >> 32)), bit_cast<U>(odd));
#endif
  }
};

// Uniform in [0, 1) from the upper 24 bits.
INLINE f32 unit24(u32 x) { return f32(x >> 8) * 0x1p-24f; }

// unit24(x) < p as a comparison of integers: x >> 8 < bernoulli_bound(p), for p in [0, 1].
INLINE u32 bernoulli_bound(f64 p) { return u32(__builtin_ceil(p * 0x1p24)); }

}  // namespace fathom
