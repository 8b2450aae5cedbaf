// POOL_FORWARD and POOL_BACKWARD: maximum and average over windows of contiguous planes; 2×2 windows without overlap have paths of their own.
#include "ops.h"
#include "parallel.h"
#include "simd.h"

namespace fathom {

struct Pool {
  i64 kind, planes, H, W, KH, KW, SH, SW, PH, PW, DH, DW, OH, OW;
  bool count_padding;
  double divisor;
  explicit Pool(const double* w)
      : kind(integer(w[3])), planes(integer(w[4])), H(integer(w[5])), W(integer(w[6])), KH(integer(w[7])), KW(integer(w[8])), SH(integer(w[9])),
        SW(integer(w[10])), PH(integer(w[11])), PW(integer(w[12])), DH(integer(w[13])), DW(integer(w[14])), OH(integer(w[15])), OW(integer(w[16])),
        count_padding(w[20] != 0), divisor(w[21]) {}
  // Windows of 2×2 side by side that never leave the plane.
  bool halves() const {
    return KH == 2 && KW == 2 && SH == 2 && SW == 2 && PH == 0 && PW == 0 && DH == 1 && DW == 1 && 2 * OH <= H && 2 * OW <= W;
  }
  i64 grain() const { return ceil_div(i64(1) << 15, max_of(OH * OW * KH * KW, i64(1))); }
};

// Taps k of a window at `start` that lie inside [0, size): [first, end).
struct Span {
  i64 first, end;
};
static INLINE Span span_of(i64 start, i64 kernel, i64 dilation, i64 size) {
  const i64 first = start >= 0 ? 0 : ceil_div(-start, dilation);
  const i64 end = start >= size ? 0 : min_of(kernel, ceil_div(size - start, dilation));
  return {min_of(first, kernel), max_of(end, min_of(first, kernel))};
}
// Places of a window inside the padded plane, for count_padding.
static INLINE i64 padded_count(i64 start, i64 kernel, i64 dilation, i64 size, i64 padding) {
  return max_of(min_of(kernel, ceil_div(size + padding - start, dilation)), i64(0));
}

template <class T> static INLINE T divisor_of(const Pool& p, i64 top, i64 left, Span rows, Span cols) {
  if (p.divisor != 0) return T(p.divisor);
  if (p.count_padding) return T(padded_count(top, p.KH, p.DH, p.H, p.PH) * padded_count(left, p.KW, p.DW, p.W, p.PW));
  return T((rows.end - rows.first) * (cols.end - cols.first));
}

// Even and odd lanes of 2 L neighbours.
template <class T> static INLINE void split_pairs(const T* from, Vec<T>& even, Vec<T>& odd) {
  using V = Vec<T>;
  constexpr int L = LANES<T>;
  const V a = load<V>(from), b = load<V>(from + L);
  if constexpr (L == 2) {
    even = __builtin_shufflevector(a, b, 0, 2);
    odd = __builtin_shufflevector(a, b, 1, 3);
  } else if constexpr (L == 4) {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7);
  } else if constexpr (L == 8) {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
  } else {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  }
}
template <class T> static INLINE void store_twice(T* to, Vec<T> v) {
  using V = Vec<T>;
  constexpr int L = LANES<T>;
  if constexpr (L == 2) {
    store(to, V(__builtin_shufflevector(v, v, 0, 0)));
    store(to + L, V(__builtin_shufflevector(v, v, 1, 1)));
  } else if constexpr (L == 4) {
    store(to, V(__builtin_shufflevector(v, v, 0, 0, 1, 1)));
    store(to + L, V(__builtin_shufflevector(v, v, 2, 2, 3, 3)));
  } else if constexpr (L == 8) {
    store(to, V(__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3)));
    store(to + L, V(__builtin_shufflevector(v, v, 4, 4, 5, 5, 6, 6, 7, 7)));
  } else {
    store(to, V(__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7)));
    store(to + L, V(__builtin_shufflevector(v, v, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15)));
  }
}

template <class T> static NOINLINE void average_halves(const Pool& p, const T* x, T* y) {
  using V = Vec<T>;
  const T scale = T(1) / T(p.divisor != 0 ? p.divisor : 4);
  for (i64 oh = 0; oh < p.OH; oh++, y += p.OW) {
    const T *a = x + 2 * oh * p.W, *b = a + p.W;
    i64 ow = 0;
    for (; ow < p.OW && p.OW >= LANES<T>; ow += LANES<T>) {
      ow = min_of(ow, p.OW - LANES<T>);  // the last vector does some a second time
      V a0, a1, b0, b1;
      split_pairs(a + 2 * ow, a0, a1);
      split_pairs(b + 2 * ow, b0, b1);
      store(y + ow, V((a0 + a1 + b0 + b1) * splat<V>(scale)));
    }
    for (; ow < p.OW; ow++) y[ow] = (a[2 * ow] + a[2 * ow + 1] + b[2 * ow] + b[2 * ow + 1]) * scale;
  }
}

template <class T> static NOINLINE void average_plane(const Pool& p, const T* x, T* y) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  for (i64 oh = 0; oh < p.OH; oh++)
    for (i64 ow = 0; ow < p.OW; ow++) {
      const i64 top = oh * p.SH - p.PH, left = ow * p.SW - p.PW;
      const Span rows = span_of(top, p.KH, p.DH, p.H), cols = span_of(left, p.KW, p.DW, p.W);
      V lanes{};
      T sum = 0;
      for (i64 i = rows.first; i < rows.end; i++) {
        const T* from = x + (top + i * p.DH) * p.W + left;
        i64 j = cols.first;
        if (p.DW == 1)
          for (; j + L <= cols.end; j += L) lanes += load<V>(from + j);
        for (; j < cols.end; j++) sum += from[j * p.DW];
      }
      const T count = divisor_of<T>(p, top, left, rows, cols);
      y[oh * p.OW + ow] = count == 0 ? T(0) : (sum + hsum(lanes)) / count;
    }
}

template <class T> static NOINLINE void average_back_plane(const Pool& p, const T* dy, T* dx) {
  using V = Vec<T>;
  memset(dx, 0, usize(p.H * p.W) * sizeof(T));
  for (i64 oh = 0; oh < p.OH; oh++)
    for (i64 ow = 0; ow < p.OW; ow++) {
      const i64 top = oh * p.SH - p.PH, left = ow * p.SW - p.PW;
      const Span rows = span_of(top, p.KH, p.DH, p.H), cols = span_of(left, p.KW, p.DW, p.W);
      const T count = divisor_of<T>(p, top, left, rows, cols);
      if (count == 0) continue;
      const T share = dy[oh * p.OW + ow] / count;
      for (i64 i = rows.first; i < rows.end; i++) {
        T* to = dx + (top + i * p.DH) * p.W + left;
        i64 j = cols.first;
        if (p.DW == 1)
          for (; j + LANES<T> <= cols.end; j += LANES<T>) store(to + j, V(load<V>(to + j) + splat<V>(share)));
        for (; j < cols.end; j++) to[j * p.DW] += share;
      }
    }
}

template <class T> static NOINLINE void average_back_halves(const Pool& p, const T* dy, T* dx) {
  using V = Vec<T>;
  const T scale = T(1) / T(p.divisor != 0 ? p.divisor : 4);
  for (i64 oh = 0; oh < p.OH; oh++, dy += p.OW) {
    T *a = dx + 2 * oh * p.W, *b = a + p.W;
    i64 ow = 0;
    for (; ow < p.OW && p.OW >= LANES<T>; ow += LANES<T>) {
      ow = min_of(ow, p.OW - LANES<T>);
      const V v = load<V>(dy + ow) * splat<V>(scale);
      store_twice(a + 2 * ow, v);
      store_twice(b + 2 * ow, v);
    }
    for (; ow < p.OW; ow++) a[2 * ow] = a[2 * ow + 1] = b[2 * ow] = b[2 * ow + 1] = dy[ow] * scale;
    for (i64 i = 2 * p.OW; i < p.W; i++) a[i] = b[i] = 0;
  }
  memset(dx + 2 * p.OH * p.W, 0, usize((p.H - 2 * p.OH) * p.W) * sizeof(T));
}

// The larger of two candidates of which `v` comes later in its window: the first of equals stays, a NaN beats every number, the last NaN wins.
template <class V, class I> static INLINE void challenge(V& best, I& where, V v, I at) {
  const I better = I(v > best) | I(v != v);
  best = select(better, v, best);
  where = select(better, at, where);
}

// L neighbouring windows at once, at `x` and in steps of SW; rows are `pitch` apart there, W in the plane, whose place `place` the first one covers.
// SW: 1, 2 or 0 for any other step.
template <class T, int SW, class I> static INLINE void max_windows(const Pool& p, const T* x, i64 pitch, I places, i64 height, Vec<T>& value, I& position) {
  using V = Vec<T>;
  using E = Elem<I>;
  constexpr int L = LANES<T>;
  const i64 across = p.KW, right = p.DW, down = p.DH * pitch, step = p.SW;
  const I next = I{} + E(right), below = I{} + E(p.DH * p.W);
  for (i64 i = 0; i < height; i++, x += down, places += below) {
    V best{};
    I where = places, at = places;
    const T* from = x;
    for (i64 j = 0; j < across; j++, from += right, at += next) {
      V v;
      if constexpr (SW == 1) v = load<V>(from);
      else if constexpr (SW == 2) {
        V odd;
        split_pairs(from, v, odd);
      } else
        for (int l = 0; l < L; l++) v[l] = from[l * step];
      if (j == 0) best = v;
      else challenge(best, where, v, at);
    }
    if (i == 0) value = best, position = where;
    else challenge(value, position, best, where);
  }
}

template <class T> static NOINLINE void max_window(const Pool& p, const T* x, i64 top, i64 left, T* y, i32* index) {
  const Span rows = span_of(top, p.KH, p.DH, p.H), cols = span_of(left, p.KW, p.DW, p.W);
  T best = T(-__builtin_inf());
  i64 where = (top + rows.first * p.DH) * p.W + left + cols.first * p.DW;
  for (i64 i = rows.first; i < rows.end; i++)
    for (i64 j = cols.first; j < cols.end; j++) {
      const i64 from = (top + i * p.DH) * p.W + left + j * p.DW;
      const T v = x[from];
      if (v > best || v != v) best = v, where = from;
    }
  *y = best;
  if (index) *index = static_cast<i32>(where);
}

// Rows of a plane between borders of -∞ that whole vectors of windows may read: what it takes, and the copy.
template <class T> struct Framed {
  i64 left, pitch;
  explicit Framed(const Pool& p) : left(p.PW), pitch(round_up(p.OW, LANES<T>) * p.SW + (p.KW - 1) * p.DW + 2 * LANES<T>) {}
  bool fits(const Pool& p) const { return left + p.W + LANES<T> <= pitch + LANES<T> && p.H * pitch + 2 * LANES<T> <= SCRATCH_BYTES / i64(sizeof(T)); }
  INLINE void copy(const Pool& p, const T* x, T* to) const {
    using V = Vec<T>;
    const V least = splat<V>(T(-__builtin_inf()));
    for (i64 h = 0; h < p.H; h++, x += p.W, to += pitch) {
      for (i64 u = 0; u < left; u += LANES<T>) store(to + u, least);
      const i64 width = min_of(p.W, pitch - left);
      i64 u = 0;
      for (; u + LANES<T> <= width; u += LANES<T>) store(to + left + u, load<V>(x + u));
      for (; u < width; u++) to[left + u] = x[u];
      for (u = left + width; u < pitch; u++) to[u] = T(-__builtin_inf());
    }
  }
};

template <class T, int SW> static NOINLINE void max_plane(const Pool& p, const T* x, T* y, i32* index) {
  using V = Vec<T>;
  using I = IntOf<V>;
  constexpr i64 L = LANES<T>;
  // Windows [inner, outer) lie inside the plane.
  const i64 inner = ceil_div(p.PW, p.SW), room = p.W - 1 - (p.KW - 1) * p.DW + p.PW, outer = room < 0 ? 0 : min_of(p.OW, room / p.SW + 1);
  const Framed<T> frame(p);
  const bool framed = (inner > 0 || outer < p.OW || p.OW < L) && frame.fits(p);
  T* staged = static_cast<T*>(thread_scratch());
  I lane;
  for (int l = 0; l < L; l++) lane[l] = Elem<I>(l * p.SW);
  if (framed) frame.copy(p, x, staged);
  const i64 first = framed ? 0 : inner, end = framed ? p.OW : outer, pitch = framed ? frame.pitch : p.W;
  for (i64 oh = 0; oh < p.OH; oh++) {
    const i64 top = oh * p.SH - p.PH;
    const Span rows = span_of(top, p.KH, p.DH, p.H);
    const i64 row = top + rows.first * p.DH, height = rows.end - rows.first;
    i64 ow = 0;
    while (ow < p.OW) {
      // The last vector inside the plane does some windows a second time; none may read beyond the plane's end.
      const i64 begin = !framed && ow >= first && ow < end && ow + L > end && end - first >= L ? end - L : ow, left = begin * p.SW - p.PW;
      const T* from = framed ? staged + row * pitch + begin * p.SW : x + row * p.W + left;
      const T* last = from + (height - 1) * p.DH * pitch + (p.KW - 1) * p.DW + (SW == 2 ? 2 * L : (L - 1) * p.SW + 1);
      if (height <= 0 || ow < first || ow >= end || (!framed && (begin + L > end || last > x + p.H * p.W))) {
        const i64 at = oh * p.OW + ow;
        max_window(p, x, top, ow * p.SW - p.PW, y + at, index ? index + at : nullptr);
        ow++;
        continue;
      }
      ow = begin;
      const i64 at = oh * p.OW + ow;
      V value;
      I position;
      max_windows<T, SW>(p, from, pitch, I(lane + Elem<I>(row * p.W + left)), height, value, position);
      const i64 count = min_of(L, p.OW - ow);
      if (framed && (ow < inner || ow + count > outer)) {
        // A window of -∞ only names its first place inside the plane.
        for (i64 l = 0; l < count; l++) {
          if (value[l] != T(-__builtin_inf())) continue;
          T ignored;
          i32 where;
          max_window(p, x, top, (ow + l) * p.SW - p.PW, &ignored, &where);
          position[l] = where;
        }
      }
      if (LIKELY(count == L)) {
        store(y + at, value);
        if (index && sizeof(position[0]) == sizeof(i32)) store(index + at, position);
      } else {
        for (i64 l = 0; l < count; l++) y[at + l] = value[l];
      }
      if (index && (count < L || sizeof(position[0]) != sizeof(i32)))
        for (i64 l = 0; l < count; l++) index[at + l] = static_cast<i32>(position[l]);
      ow += count;
    }
  }
}

template <class T> static NOINLINE void max_back_plane(const Pool& p, const T* dy, const i32* index, T* dx) {
  memset(dx, 0, usize(p.H * p.W) * sizeof(T));
  const i64 outputs = p.OH * p.OW, size = p.H * p.W;
  for (i64 i = 0; i < outputs; i++) {
    const i32 at = index[i];
    if (UNLIKELY(at < 0 || at >= size)) return fail(INDEX_OUT_OF_RANGE, at, double(size), 0);
    dx[at] += dy[i];
  }
}

template <class T> static NOINLINE void pool_forward(const double* w) {
  const Pool p(w);
  const T* x = ptr<const T>(w[17]);
  T* y = ptr<T>(w[18]);
  i32* index = ptr<i32>(w[19]);
  const i64 in = p.H * p.W, out = p.OH * p.OW;
  if (out == 0) return;
  parallel_for(p.planes, p.grain(), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      i32* places = index ? index + i * out : nullptr;
      if (p.kind == 0 && p.SW == 2) max_plane<T, 2>(p, x + i * in, y + i * out, places);
      else if (p.kind == 0 && p.SW == 1) max_plane<T, 1>(p, x + i * in, y + i * out, places);
      else if (p.kind == 0) max_plane<T, 0>(p, x + i * in, y + i * out, places);
      else if (p.halves()) average_halves(p, x + i * in, y + i * out);
      else average_plane(p, x + i * in, y + i * out);
    }
  });
}

template <class T> static NOINLINE void pool_backward(const double* w) {
  const Pool p(w);
  T* dx = ptr<T>(w[17]);
  const T* dy = ptr<const T>(w[18]);
  const i32* index = ptr<const i32>(w[19]);
  const i64 in = p.H * p.W, out = p.OH * p.OW;
  if (in == 0) return;
  parallel_for(p.planes, p.grain(), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      if (p.kind == 0) max_back_plane(p, dy + i * out, index + i * out, dx + i * in);
      else if (p.halves()) average_back_halves(p, dy + i * out, dx + i * in);
      else average_back_plane(p, dy + i * out, dx + i * in);
    }
  });
}

void op_pool_forward(const double* w) { return w[2] == F64 ? pool_forward<f64>(w) : pool_forward<f32>(w); }
void op_pool_backward(const double* w) { return w[2] == F64 ? pool_backward<f64>(w) : pool_backward<f32>(w); }

}  // namespace fathom
