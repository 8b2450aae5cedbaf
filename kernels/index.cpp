// INDEX and GATHER: reads and writes at positions that tensors of indices give. All indices are checked before anything is written.
#include "ops.h"
#include "parallel.h"
#include "simd.h"

namespace fathom {

enum IndexMode : i32 { GET = 0, SET = 1, ADD = 2, MULTIPLY = 3, MAXIMUM = 4, MINIMUM = 5 };
constexpr i64 MOST_DIMS = 32;

// Bits of an element that is only moved.
struct Half {
  u16 bits;
};
struct Bool {
  u8 value;
};

template <i32 MODE, class T> static INLINE T combine(T self, T value) {
  if constexpr (MODE == GET || MODE == SET) return value;
  else if constexpr (same_type<T, Half>) return value;  // storage only; the front end casts first
  else if constexpr (same_type<T, Bool>) {
    if constexpr (MODE == ADD || MODE == MAXIMUM) return Bool{u8((self.value | value.value) != 0)};
    else return Bool{u8(self.value != 0 && value.value != 0)};
  } else if constexpr (MODE == ADD) {
    if constexpr (same_type<T, i64>) return T(u64(self) + u64(value));
    else if constexpr (same_type<T, i32>) return T(u32(self) + u32(value));
    else return T(self + value);
  } else if constexpr (MODE == MULTIPLY) {
    if constexpr (same_type<T, i64>) return T(u64(self) * u64(value));
    else if constexpr (same_type<T, i32>) return T(u32(self) * u32(value));
    else return T(self * value);
  } else if constexpr (MODE == MAXIMUM) return self > value || self != self ? self : value;  // a NaN on either side stays
  else return self < value || self != self ? self : value;
}

// self ∘= value (or value <- self) over n elements; steps count elements.
template <i32 MODE, class T> static INLINE void line_of(T* self, i64 self_step, T* value, i64 value_step, i64 n) {
  if (self_step == 1 && value_step == 1) {
    if constexpr (MODE == GET || MODE == SET) {
      const T* from = MODE == GET ? self : value;
      T* to = MODE == GET ? value : self;
      if (n >= 128) memcpy(to, from, usize(n) * sizeof(T));
      else
        for (i64 i = 0; i < n; i++) to[i] = from[i];
    } else if constexpr (is_float<T> && MODE == ADD) {
      using V = Vec<T>;
      i64 i = 0;
      for (; i + LANES<T> <= n; i += LANES<T>) store(self + i, V(load<V>(self + i) + load<V>(value + i)));
      for (; i < n; i++) self[i] += value[i];
    } else {
      for (i64 i = 0; i < n; i++) self[i] = combine<MODE>(self[i], value[i]);
    }
    return;
  }
  for (i64 i = 0; i < n; i++, self += self_step, value += value_step) {
    if constexpr (MODE == GET) *value = *self;
    else *self = combine<MODE>(*self, *value);
  }
}

// What happens to a line, in two forms: compiled into the loops for the cases that matter (moves, float sums), or called through a
// pointer. Every pair of mode and dtype compiled into the loops would be a sixth of all kernels.
template <i32 MODE, class T> struct Inlined {
  static constexpr bool get = MODE == GET;
  static constexpr i64 size = sizeof(T);
  INLINE void operator()(u8* self, i64 self_step, u8* value, i64 value_step, i64 n) const {
    line_of<MODE>(reinterpret_cast<T*>(self), self_step, reinterpret_cast<T*>(value), value_step, n);
  }
};
using Line = void (*)(u8* self, i64 self_step, u8* value, i64 value_step, i64 n);
template <i32 MODE, class T> static NOINLINE void line_at(u8* self, i64 self_step, u8* value, i64 value_step, i64 n) {
  line_of<MODE>(reinterpret_cast<T*>(self), self_step, reinterpret_cast<T*>(value), value_step, n);
}
struct Called {
  static constexpr bool get = false;
  Line line;
  i64 size;
  INLINE void operator()(u8* self, i64 self_step, u8* value, i64 value_step, i64 n) const { line(self, self_step, value, value_step, n); }
};

// Dimensions with up to three strides each; walks them in row-major order.
struct Dims {
  i64 n = 0, count = 1;
  i64 shape[MOST_DIMS], a[MOST_DIMS], b[MOST_DIMS], c[MOST_DIMS];
  void add(i64 size, i64 sa, i64 sb = 0, i64 sc = 0) {
    shape[n] = size;
    a[n] = sa;
    b[n] = sb;
    c[n++] = sc;
    count *= size;
  }
};
struct Walk {
  i64 at[MOST_DIMS], a = 0, b = 0, c = 0;
  Walk(const Dims& d, i64 index) {
    for (i64 i = d.n - 1; i >= 0; i--) {
      at[i] = index % d.shape[i];
      index /= d.shape[i];
      a += at[i] * d.a[i];
      b += at[i] * d.b[i];
      c += at[i] * d.c[i];
    }
  }
  INLINE void next(const Dims& d) {
    for (i64 i = d.n - 1; i >= 0; i--) {
      a += d.a[i], b += d.b[i], c += d.c[i];
      if (++at[i] < d.shape[i]) return;
      a -= d.a[i] * at[i], b -= d.b[i] * at[i], c -= d.c[i] * at[i];
      at[i] = 0;
    }
  }
};

struct IndexTensor {
  const i64* index;
  i64 size, stride;
};
struct Indexing {
  i64 nI, nIdx;
  IndexTensor tensor[MOST_DIMS];
  Dims outer, inner;  // inner without its last dimension; a: self
  i64 run, run_step;  // the inner dimensions' last one
  INLINE i64 offset(i64 i) const {
    i64 at = 0;
    for (i64 k = 0; k < nIdx; k++) {
      const i64 v = tensor[k].index[i];
      at += (v < 0 ? v + tensor[k].size : v) * tensor[k].stride;
    }
    return at;
  }
};

static NOINLINE bool check(const Indexing& x) {
  for (i64 k = 0; k < x.nIdx; k++) {
    const IndexTensor& t = x.tensor[k];
    for (i64 i = 0; i < x.nI; i++)
      if (UNLIKELY(t.index[i] < -t.size || t.index[i] >= t.size)) {
        fail(INDEX_OUT_OF_RANGE, double(t.index[i]), double(t.size), double(k));
        return false;
      }
  }
  return true;
}

// One index tensor: its places are sorted by the row of self that they name (a stable sort by counting), so that threads share the rows, and a
// row that is named often stays in the cache. False where the scratch memory is too small for it.
template <class Op> static NOINLINE bool by_row(const Indexing& x, const Op op, u8* self, u8* values) {
  const IndexTensor& t = x.tensor[0];
  if ((x.nI + t.size + 1) * i64(sizeof(i32)) > SHARED_SCRATCH_BYTES) return false;
  i32 *start = static_cast<i32*>(shared_scratch()), *order = start + t.size + 1;
  const auto row_of = [&](i64 i) { return t.index[i] < 0 ? t.index[i] + t.size : t.index[i]; };
  for (i64 r = 0; r <= t.size; r++) start[r] = 0;
  for (i64 i = 0; i < x.nI; i++) start[row_of(i) + 1]++;
  for (i64 r = 0; r < t.size; r++) start[r + 1] += start[r];
  for (i64 i = 0; i < x.nI; i++) order[start[row_of(i)]++] = i32(i);  // start[r] becomes the end of row r
  const i64 rows = x.inner.count, inner = rows * x.run, parts = min_of(x.nI, i64(16));
  // The part in which a row's last place lies does all of the row.
  const auto first_row = [&](i64 part) {
    const i64 place = part * x.nI / parts;
    i64 low = 0, high = t.size;  // the first row that ends behind `place`
    while (low < high) {
      const i64 middle = (low + high) / 2;
      if (start[middle] > place) high = middle;
      else low = middle + 1;
    }
    return part == parts ? t.size : low;
  };
  parallel_for(parts, 1, [&](i64 begin, i64 end) {
    const i64 last = first_row(end);
    for (i64 r = first_row(begin); r < last; r++) {
      u8* to = self + r * t.stride * op.size;
      for (i64 k = r == 0 ? 0 : start[r - 1]; k < start[r]; k++) {
        u8* value = values + i64(order[k]) * inner * op.size;
        if (rows == 1) {
          op(to, x.run_step, value, 1, x.run);
          continue;
        }
        Walk at(x.inner, 0);
        for (i64 q = 0; q < rows; q++, at.next(x.inner)) op(to + at.a * op.size, x.run_step, value + q * x.run * op.size, 1, x.run);
      }
    }
  });
  return true;
}

template <class Op> static NOINLINE void index_as(const Indexing& x, const Op op, u8* self, u8* values) {
  const i64 rows = x.inner.count, inner = rows * x.run, outer = x.outer.count;
  // Lines [r0, r1) of the inner part and elements [e0, e1) of each, for outer positions and indices in the given ranges.
  const auto block = [&](i64 o, i64 i0, i64 i1, i64 r0, i64 r1, i64 e0, i64 e1) {
    const i64 base = Walk(x.outer, o).a;
    for (i64 i = i0; i < i1; i++) {
      u8* to = self + (base + x.offset(i) + e0 * x.run_step) * op.size;
      u8* value = values + ((o * x.nI + i) * inner + e0) * op.size;
      if (rows == 1) {
        op(to, x.run_step, value, 1, e1 - e0);
        continue;
      }
      Walk at(x.inner, r0);
      for (i64 r = r0; r < r1; r++, at.next(x.inner)) op(to + at.a * op.size, x.run_step, value + r * x.run * op.size, 1, e1 - e0);
    }
  };
  constexpr i64 WORK = 1 << 14;
  if (Op::get) {
    parallel_for(outer * x.nI, ceil_div(WORK, inner), [&](i64 begin, i64 end) {
      for (i64 at = begin; at < end;) {
        const i64 o = at / x.nI, i0 = at % x.nI, i1 = min_of(x.nI, i0 + end - at);
        block(o, i0, i1, 0, rows, 0, x.run);
        at += i1 - i0;
      }
    });
    return;
  }
  // Sorting walks all rows of self: it must be little beside the work on the rows that are named.
  if (x.nIdx == 1 && outer == 1 && inner >= 4 && x.nI * inner >= max_of(WORK, 8 * x.tensor[0].size) && by_row(x, op, self, values)) return;
  // Equal indices must stay in order, so the index loop is innermost and never shared: outer positions are, or parts of the inner ones.
  if (outer >= 4 || rows * x.run < 32 || outer * x.nI * inner < WORK) {
    parallel_for(outer, ceil_div(WORK, x.nI * inner), [&](i64 begin, i64 end) {
      for (i64 o = begin; o < end; o++) block(o, 0, x.nI, 0, rows, 0, x.run);
    });
  } else if (rows >= 4) {
    parallel_for(rows, max_of(ceil_div(rows, 16), ceil_div(WORK, x.nI * x.run)), [&](i64 begin, i64 end) {
      for (i64 o = 0; o < outer; o++) block(o, 0, x.nI, begin, end, 0, x.run);
    });
  } else {
    parallel_for(x.run, round_up(max_of(ceil_div(x.run, 8), i64(16)), 16), [&](i64 begin, i64 end) {
      for (i64 o = 0; o < outer; o++) block(o, 0, x.nI, 0, rows, begin, end);
    });
  }
}

template <i32 MODE> static Line line_for(i32 dtype) {
  switch (dtype) {
    case F32: return line_at<MODE, f32>;
    case F64: return line_at<MODE, f64>;
    case I64: return line_at<MODE, i64>;
    case I32: return line_at<MODE, i32>;
    case U8: return line_at<MODE, u8>;
    case BOOL: return line_at<MODE, Bool>;
    default: return nullptr;  // the front end casts storage formats first
  }
}
template <i32 MODE, class F> static INLINE void with_move(i32 dtype, const F& f) {
  switch (itemsize(dtype)) {
    case 8: return f(Inlined<MODE, i64>{});
    case 4: return f(Inlined<MODE, i32>{});
    case 2: return f(Inlined<MODE, Half>{});
    default: return f(Inlined<MODE, u8>{});
  }
}
// f(op) for a mode and dtype.
template <class F> static INLINE void with_op(i32 mode, i32 dtype, const F& f) {
  Line line = nullptr;
  switch (mode) {
    case GET: return with_move<GET>(dtype, f);
    case SET: return with_move<SET>(dtype, f);
    case ADD:
      if (dtype == F32) return f(Inlined<ADD, f32>{});
      line = line_for<ADD>(dtype);
      break;
    case MULTIPLY: line = line_for<MULTIPLY>(dtype); break;
    case MAXIMUM: line = line_for<MAXIMUM>(dtype); break;
    case MINIMUM: line = line_for<MINIMUM>(dtype); break;
  }
  if (line == nullptr) return fail(BAD_INSTRUCTION, mode, dtype);
  f(Called{line, itemsize(dtype)});
}

void op_index(const double* w) {
  const i32 mode = static_cast<i32>(w[2]), dtype = static_cast<i32>(w[3]);
  const i64 nOuter = integer(w[6]), nInner = integer(w[9]);
  Indexing x;
  x.nI = integer(w[7]);
  x.nIdx = integer(w[8]);
  if (nOuter > MOST_DIMS || nInner > MOST_DIMS || x.nIdx > MOST_DIMS) return fail(BAD_INSTRUCTION, w[0], double(max_of(nOuter, nInner)));
  const double* at = w + 10;
  for (i64 d = 0; d < nOuter; d++) x.outer.add(integer(at[d]), integer(at[nOuter + d]));
  at += 2 * nOuter;
  x.run = nInner > 0 ? integer(at[nInner - 1]) : 1;
  x.run_step = nInner > 0 ? integer(at[2 * nInner - 1]) : 1;
  for (i64 d = 0; d + 1 < nInner; d++) x.inner.add(integer(at[d]), integer(at[nInner + d]));
  at += 2 * nInner;
  for (i64 k = 0; k < x.nIdx; k++) x.tensor[k] = {ptr<const i64>(at[3 * k]), integer(at[3 * k + 1]), integer(at[3 * k + 2])};
  if (!check(x) || x.outer.count * x.nI * x.inner.count * x.run == 0) return;
  with_op(mode, dtype, [&](auto op) { index_as(x, op, ptr<u8>(w[4]), ptr<u8>(w[5])); });
}

struct Gathering {
  Dims outer, inner;  // dimensions before and after `dim`; a: self, b: index, c: values
  i64 length, size;   // of the index tensor and of self along dim
  i64 self_step, index_step, value_step;
  const i64* index;
};

static NOINLINE bool check(const Gathering& g) {
  for (i64 o = 0; o < g.outer.count; o++) {
    const Walk base(g.outer, o);
    for (i64 j = 0; j < g.length; j++) {
      Walk at(g.inner, 0);
      for (i64 i = 0; i < g.inner.count; i++, at.next(g.inner)) {
        const i64 v = g.index[base.b + j * g.index_step + at.b];
        if (UNLIKELY(v < -g.size || v >= g.size)) {
          fail(INDEX_OUT_OF_RANGE, double(v), double(g.size), 0);
          return false;
        }
      }
    }
  }
  return true;
}

template <class Op> static NOINLINE void gather_as(const Gathering& g, const Op op, u8* self, u8* values) {
  // Equal indices can only meet along dim, which stays in order inside a task; the other coordinates are shared among the threads.
  const i64 lines = g.outer.count * g.inner.count;
  parallel_for(lines, ceil_div(i64(1) << 13, g.length), [&](i64 begin, i64 end) {
    for (i64 at = begin; at < end;) {
      const i64 o = at / g.inner.count, i0 = at % g.inner.count, n = min_of(g.inner.count - i0, end - at);
      const Walk base(g.outer, o), start(g.inner, i0);
      at += n;
      if (g.inner.count == 1) {
        const i64* index = g.index + base.b;
        u8 *s = self + base.a * op.size, *value = values + base.c * op.size;
        for (i64 j = 0; j < g.length; j++, value += g.value_step * op.size) {
          const i64 v = index[j * g.index_step];
          op(s + (v < 0 ? v + g.size : v) * g.self_step * op.size, 1, value, 1, 1);
        }
        continue;
      }
      for (i64 j = 0; j < g.length; j++) {
        Walk in = start;
        for (i64 i = 0; i < n; i++) {
          const i64 v = g.index[base.b + j * g.index_step + in.b];
          u8* s = self + (base.a + in.a + (v < 0 ? v + g.size : v) * g.self_step) * op.size;
          op(s, 1, values + (base.c + in.c + j * g.value_step) * op.size, 1, 1);
          in.next(g.inner);
        }
      }
    }
  });
}

void op_gather(const double* w) {
  const i32 mode = static_cast<i32>(w[2]), dtype = static_cast<i32>(w[3]);
  const i64 ndim = integer(w[7]), dim = integer(w[8]);
  if (ndim > MOST_DIMS) return fail(BAD_INSTRUCTION, w[0], double(ndim));
  Gathering g;
  g.size = integer(w[9]);
  g.index = ptr<const i64>(w[5]);
  g.length = 1, g.self_step = g.index_step = g.value_step = 0;
  const double *shape = w + 10, *self = shape + ndim, *index = self + ndim, *values = index + ndim;
  for (i64 d = 0; d < ndim; d++) {
    if (d == dim) {
      g.length = integer(shape[d]);
      g.self_step = integer(self[d]), g.index_step = integer(index[d]), g.value_step = integer(values[d]);
    } else {
      (d < dim ? g.outer : g.inner).add(integer(shape[d]), integer(self[d]), integer(index[d]), integer(values[d]));
    }
  }
  if (g.outer.count * g.length * g.inner.count == 0 || !check(g)) return;
  with_op(mode, dtype, [&](auto op) { gather_as(g, op, ptr<u8>(w[4]), ptr<u8>(w[6])); });
}

}  // namespace fathom
