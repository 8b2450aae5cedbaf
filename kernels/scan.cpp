// SCAN: running sums, products, extremes and log-sum-exps along one dim of a contiguous tensor.
#include "convert.h"
#include "math.h"
#include "ops.h"
#include "parallel.h"

namespace fathom {

namespace {

enum Kind : i32 { SUM = 0, PRODUCT = 1, MAXIMUM = 2, MINIMUM = 3, LOG_SUM_EXP = 4 };

// Running totals: floats in double precision, integers wrap in 64 bits (and again when stored).
template <class T> struct TotalOf { using type = i64; };
template <> struct TotalOf<f32> { using type = f64; };
template <> struct TotalOf<f64> { using type = f64; };

constexpr i64 TILE = 256;

template <i32 K, class A> INLINE A combine(A total, A x) {
  if constexpr (is_float<A>) return K == SUM ? total + x : K == PRODUCT ? total * x : m_logaddexp(total, x);
  else return K == PRODUCT ? A(u64(total) * u64(x)) : A(u64(total) + u64(x));
}

// A column block of `width` <= TILE neighbouring columns, `n` rows `stride` apart; `step` is +1 or -1.
template <i32 K, class T> NOINLINE void scan_totals(const T* x, T* y, i64 n, i64 stride, i64 width, bool reverse) {
  using A = typename TotalOf<T>::type;
  A total[TILE];
  const A start = K == SUM ? A(0) : K == PRODUCT ? A(1) : A(-__builtin_inf());
  for (i64 j = 0; j < width; j++) total[j] = start;
  for (i64 i = 0; i < n; i++) {
    const i64 row = (reverse ? n - 1 - i : i) * stride;
    for (i64 j = 0; j < width; j++) {
      total[j] = combine<K, A>(total[j], A(x[row + j]));
      y[row + j] = T(total[j]);
    }
  }
}

// Extremes: NaN stays; among equals the latest position counts.
template <class T> NOINLINE void scan_extremes(const T* x, T* y, i64* index, i64 n, i64 stride, i64 width, bool reverse, bool largest) {
  T best[TILE];
  i64 position[TILE];
  for (i64 i = 0; i < n; i++) {
    const i64 at = reverse ? n - 1 - i : i, row = at * stride;
    for (i64 j = 0; j < width; j++) {
      const T v = x[row + j];
      if (i == 0 || v != v || (best[j] == best[j] && (largest ? v >= best[j] : v <= best[j]))) {
        best[j] = v;
        position[j] = at;
      }
      y[row + j] = best[j];
      if (index) index[row + j] = position[j];
    }
  }
}

template <class T> void scan_typed(const double* w) {
  const i32 kind = i32(w[2]);
  const i64 outer = integer(w[4]), n = integer(w[5]), inner = integer(w[6]);
  const T* x = ptr<const T>(w[7]);
  T* y = ptr<T>(w[8]);
  i64* index = ptr<i64>(w[9]);
  const bool reverse = w[10] != 0;
  if (outer == 0 || n == 0 || inner == 0) return;
  const i64 width = min_of(inner, TILE), tiles = ceil_div(inner, width);
  const i64 grain = max_of(i64(1), (kind == LOG_SUM_EXP ? 1024 : 16384) / (n * width));
  parallel_for(outer * tiles, grain, [=](i64 begin, i64 end) {
    for (i64 unit = begin; unit < end; unit++) {
      const i64 column = unit % tiles * width, at = unit / tiles * n * inner + column, count = min_of(width, inner - column);
      switch (kind) {
        case SUM: scan_totals<SUM>(x + at, y + at, n, inner, count, reverse); break;
        case PRODUCT: scan_totals<PRODUCT>(x + at, y + at, n, inner, count, reverse); break;
        case LOG_SUM_EXP:
          if constexpr (is_float<T>) scan_totals<LOG_SUM_EXP>(x + at, y + at, n, inner, count, reverse);
          else fail(BAD_INSTRUCTION, kind);
          break;
        default: scan_extremes(x + at, y + at, index ? index + at : nullptr, n, inner, count, reverse, kind == MAXIMUM);
      }
    }
  });
}

}  // namespace

NOINLINE void op_scan(const double* w) {
  switch (i32(w[3])) {
    case F32: return scan_typed<f32>(w);
    case F64: return scan_typed<f64>(w);
    case I64: return scan_typed<i64>(w);
    case I32: return scan_typed<i32>(w);
    case U8:
    case BOOL: return scan_typed<u8>(w);
    default: return fail(BAD_INSTRUCTION, w[3]);
  }
}

}  // namespace fathom
