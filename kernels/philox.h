// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): random numbers from a key and a counter.
#pragma once
#include "core.h"

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
};

// Uniform in [0, 1) from the upper 24 bits.
INLINE f32 unit24(u32 x) { return f32(x >> 8) * 0x1p-24f; }

}  // namespace fathom
