// RANDOM: counter-based random numbers, Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
// Element i depends on seed, offset and i alone, so threads and devices agree.
#include "convert.h"
#include "math.h"
#include "ops.h"
#include "parallel.h"
#include "philox.h"

namespace fathom {

namespace {

constexpr f64 TWO_PI = 6.283185307179586;

INLINE u64 wide(const PhiloxBlock& b, i32 half) { return (u64(b.lane[2 * half]) << 32) | b.lane[2 * half + 1]; }
INLINE f64 unit53(u64 x) { return f64(x >> 11) * 0x1p-53; }

enum Kind : i32 { BITS = 0, UNIFORM = 1, NORMAL = 2, INTEGER = 3, BERNOULLI = 4 };

// Four elements from the block of 32-bit draws `k`.
INLINE void narrow_block(i32 kind, const PhiloxBlock& b, f64 p, f64 q, f64* out) {
  switch (kind) {
    case BITS:
      for (i32 j = 0; j < 4; j++) out[j] = f64(b.lane[j]);
      return;
    case UNIFORM:
      for (i32 j = 0; j < 4; j++) {
        const f32 v = f32(p) + unit24(b.lane[j]) * f32(q - p);
        out[j] = f64(v < f32(q) || q <= p ? v : f32(p));  // rounding must not reach the open end
      }
      return;
    case NORMAL:
      // Box and Muller, 1958: two uniforms make two normals
      for (i32 j = 0; j < 4; j += 2) {
        const f64 u = f64((b.lane[j] >> 8) + 1) * 0x1p-24, angle = TWO_PI * f64(unit24(b.lane[j + 1]));
        const f64 r = __builtin_sqrt(-2.0 * m_log(u));
        out[j] = p + q * r * m_cos(angle);
        out[j + 1] = p + q * r * m_sin(angle);
      }
      return;
    default:
      for (i32 j = 0; j < 4; j++) out[j] = f64(unit24(b.lane[j])) < p ? 1 : 0;
  }
}

// Two elements from a block of 64-bit draws.
INLINE void wide_block(i32 kind, const PhiloxBlock& b, f64 p, f64 q, f64* out) {
  if (kind == NORMAL) {
    const f64 u = f64((wide(b, 0) >> 11) + 1) * 0x1p-53, angle = TWO_PI * unit53(wide(b, 1));
    const f64 r = __builtin_sqrt(-2.0 * m_log(u));
    out[0] = p + q * r * m_cos(angle);
    out[1] = p + q * r * m_sin(angle);
    return;
  }
  for (i32 j = 0; j < 2; j++) {
    const f64 v = p + unit53(wide(b, j)) * (q - p);
    out[j] = v < q || q <= p ? v : p;
  }
}

// Bernoulli draws as bytes, a vector of blocks at a time: how many of the `n` elements that start at block `first` are done.
NOINLINE i64 byte_draws(const Philox& stream, u32 bound, u64 first, i64 n, u8* out) {
  constexpr i64 AT_ONCE = 4 * Philox::KEPT_BLOCKS;
  i64 done = 0;
  for (; done + AT_ONCE <= n; done += AT_ONCE) stream.keep_bytes(first + u64(done / 4), bound, out + done);
  return done;
}

// Sixteen elements at a time of uniform and Bernoulli draws in single precision: how many of the `n` elements that start at block `first` are done.
NOINLINE i64 vector_draws(const Philox& stream, i32 kind, i32 dtype, f64 p, f64 q, u64 first, i64 n, u8* out) {
  using F = Vec<f32, 4>;
  using I = Vec<i32, 4>;
  constexpr i64 BATCH = 512;
  const f32 low = f32(p), span = f32(q - p), top = f32(q);
  // u < p for u = m / 2^24 is m < p 2^24, and m is whole.
  const u32 bound = kind == BERNOULLI ? bernoulli_bound(p < 0 ? 0 : p > 1 ? 1 : p) : 0;
  if (kind == BERNOULLI && (dtype == BOOL || dtype == U8)) return byte_draws(stream, bound, first, n, out);
  const i32 threshold = i32(bound);
  const bool open = q > p;
  const i64 size = itemsize(dtype);
  f32 values[BATCH];
  i64 done = 0;
  while (n - done >= 16) {
    const i64 batch = min_of(BATCH, (n - done) / 16 * 16);
    f32* to = dtype == F32 ? reinterpret_cast<f32*>(out + done * 4) : values;
    for (i64 i = 0; i < batch; i += 16) {
      u32 draws[16];
      stream.four_blocks(first + u64((done + i) / 4), draws);
      for (i32 j = 0; j < 16; j += 4) {
        const I m = load<I>(draws + j) >> 8 & 0xffffff;
        F v;
        if (kind == BERNOULLI) v = select(I(m < threshold), splat<F>(1.0f), F{});
        else {
          v = splat<F>(low) + __builtin_convertvector(m, F) * splat<F>(0x1p-24f) * splat<F>(span);
          if (open) v = select(I(v < splat<F>(top)), v, splat<F>(low));
        }
        store(to + i + j, v);
      }
    }
    if (dtype != F32) store_run<f32>(out + done * size, dtype, size, values, batch);
    done += batch;
  }
  return done;
}

}  // namespace

NOINLINE void op_random(const double* w) {
  const i32 kind = i32(w[2]), dtype = i32(w[9]);
  const Philox stream(w + 3);
  const i64 n = integer(w[7]);
  u8* out = ptr(w[8]);
  const f64 p = w[10], q = w[11];
  const i64 size = itemsize(dtype);
  const i64 per_block = kind == INTEGER || (dtype == F64 && (kind == UNIFORM || kind == NORMAL)) ? 2 : 4;
  parallel_for(ceil_div(n, per_block), 2048, [=](i64 begin, i64 end) {
    if (per_block == 4 && ((kind == UNIFORM && dtype == F32) || kind == BERNOULLI))
      begin += vector_draws(stream, kind, dtype, p, q, u64(begin), min_of(end * 4, n) - begin * 4, out + begin * 4 * size) / 4;
    for (i64 k = begin; k < end; k++) {
      const PhiloxBlock b = stream.block(u64(k));
      const i64 first = k * per_block, count = min_of(per_block, n - first);
      if (kind == INTEGER) {
        const u64 range = u64(i64(q) - i64(p));
        for (i64 j = 0; j < count; j++) store_as<i64>(out + (first + j) * size, dtype, i64(p) + (range == 0 ? 0 : i64(wide(b, i32(j)) % range)));
        continue;
      }
      f64 values[4];
      if (per_block == 2) wide_block(kind, b, p, q, values);
      else narrow_block(kind, b, p, q, values);
      for (i64 j = 0; j < count; j++) store_as<f64>(out + (first + j) * size, dtype, values[j]);
    }
  });
}

}  // namespace fathom
