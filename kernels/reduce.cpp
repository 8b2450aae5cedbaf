// REDUCE: reductions of a scalar program, evaluated block by block. Three ways through the data, chosen by layout and size alone:
//   rows      the innermost reduced dim is the dense one: each output walks its own elements
//   segments  few elements per output: one block holds several outputs' elements
//   columns   the innermost kept dim is the dense one: rows of accumulators, one row of elements after the other
#include "ops.h"
#include "reduce_blocks.h"

namespace fathom {

constexpr i64 SHORT_ROW = 128, SHORT_SEGMENT = 64;
// A long reduction with few outputs is cut into at most this many ranges, whose results are joined in order.
constexpr i64 MAX_RANGES = 64, FEW_ROWS = 64, FEW_TILES = 16, MAX_TILE_RANGES = 32;
// float32 rows added before the partial sums move to double precision.
constexpr i64 PARTIAL_ROWS = 32;

struct Source {
  const u8* data;
  i32 dtype;
  bool dense;     // row-major over the reduced shape
  bool dense_all; // row-major over kept then reduced shape
  i64 kept[MAX_DIMS], reduced[MAX_DIMS];
};

struct ReduceSpace {
  i32 n_in, n_kept, n_red, kind, out_dtype;
  u8* out;
  i64* index;
  f64 scale;
  i64 outputs, count;  // number of outputs; reduced elements of each
  i64 kept[MAX_DIMS], reduced[MAX_DIMS];
  Source in[MAX_OPERANDS];

  bool positions() const { return index != nullptr || kind >= R_ARGMAX; }
};

static NOINLINE bool decode_space(const double* w, ReduceSpace& s) {
  s.n_in = i32(w[3]);
  s.n_kept = i32(w[5]);
  s.n_red = i32(w[6]);
  s.kind = i32(w[8]);
  s.out = ptr(w[9]);
  s.out_dtype = i32(w[10]);
  s.index = ptr<i64>(w[11]);
  s.scale = w[12];
  if (s.n_kept + s.n_red + 2 > MAX_DIMS || s.n_in > MAX_OPERANDS || s.kind < 0 || s.kind > R_ARGMIN) {
    fail(BAD_INSTRUCTION, s.kind, s.n_kept, s.n_red);
    return false;
  }
  const double* place = w + 13;
  const double* kept_shape = place + 2 * s.n_in;
  const double* red_shape = kept_shape + s.n_kept;
  const double* kept_strides = red_shape + s.n_red;
  const double* red_strides = kept_strides + s.n_in * s.n_kept;
  s.outputs = s.count = 1;
  for (i32 d = 0; d < s.n_kept; d++) s.outputs *= s.kept[d] = integer(kept_shape[d]);
  for (i32 d = 0; d < s.n_red; d++) s.count *= s.reduced[d] = integer(red_shape[d]);
  for (i32 k = 0; k < s.n_in; k++) {
    Source& v = s.in[k];
    v.data = ptr(place[2 * k]);
    v.dtype = i32(place[2 * k + 1]);
    const i64 size = itemsize(v.dtype);
    for (i32 d = 0; d < s.n_kept; d++) v.kept[d] = integer(kept_strides[k * s.n_kept + d]) * size;
    for (i32 d = 0; d < s.n_red; d++) v.reduced[d] = integer(red_strides[k * s.n_red + d]) * size;
  }
  // At least one dim of each kind, so that "innermost" always exists.
  if (s.n_kept == 0) {
    s.kept[s.n_kept++] = 1;
    for (i32 k = 0; k < s.n_in; k++) s.in[k].kept[0] = 0;
  }
  if (s.n_red == 0) {
    s.reduced[s.n_red++] = 1;
    for (i32 k = 0; k < s.n_in; k++) s.in[k].reduced[0] = 0;
  }
  for (i32 k = 0; k < s.n_in; k++) {
    Source& v = s.in[k];
    i64 expected = itemsize(v.dtype);
    v.dense = true;
    for (i32 d = s.n_red - 1; d >= 0; d--) {
      if (s.reduced[d] != 1 && v.reduced[d] != expected) v.dense = false;
      expected *= s.reduced[d];
    }
    v.dense_all = v.dense;
    for (i32 d = s.n_kept - 1; d >= 0; d--) {
      if (s.kept[d] != 1 && v.kept[d] != expected) v.dense_all = false;
      expected *= s.kept[d];
    }
  }
  return true;
}

template <class T> static NOINLINE void finish(const ReduceSpace& s, i64 o, const State<typename Total<T>::type>& state) {
  if (s.kind >= R_ARGMAX) {
    reinterpret_cast<i64*>(s.out)[o] = state.index;
    return;
  }
  typename Total<T>::type value = state.value;
  if (s.kind == R_SUM && s.scale != 1) {
    if constexpr (is_float<T>) value *= s.scale;
    else value = saturate<i64>(f64(value) * s.scale);
  }
  store_as<T>(s.out + o * itemsize(s.out_dtype), s.out_dtype, T(value));
  if (s.index) s.index[o] = state.index;
}

// Reduces elements [begin, end) of output o, whose operands start at `base`.
template <class T>
static NOINLINE State<typename Total<T>::type> reduce_range(const ReduceSpace& s, const Program<T>& program, Frame<T>& frame, const u8* const* base, i64 begin,
                                                   i64 end) {
  State<typename Total<T>::type> state = start_state<typename Total<T>::type>(s.kind);
  const i32 inner = s.n_red - 1;
  const i64 row = s.reduced[inner];
  const bool positions = s.positions();
  const bool by_rows = s.n_red == 1 || row >= SHORT_ROW;
  Odometer at;
  at.set(begin, s.reduced, s.n_red);
  for (i64 i = begin; i < end;) {
    i64 n = min_of(BLOCK<T>, end - i);
    if (by_rows) {
      const i64 column = at.index[inner];
      n = min_of(n, row - column);
      for (i32 k = 0; k < s.n_in; k++) {
        const Source& v = s.in[k];
        frame.fetch(k, base[k] + at.offset(v.reduced, s.n_red), v.dtype, v.reduced[inner], n);
      }
      at.index[inner] += n;
      if (at.index[inner] == row) {
        at.index[inner] = 0;
        at.next(s.reduced, inner);
      }
    } else {
      at.set(i, s.reduced, s.n_red);
      for (i32 k = 0; k < s.n_in; k++) {
        const Source& v = s.in[k];
        const i64 size = itemsize(v.dtype);
        if (v.dense) {
          frame.fetch(k, base[k] + i * size, v.dtype, size, n);
        } else {
          gather_linear(frame.own(k), base[k], v.dtype, s.reduced, v.reduced, s.n_red, at, n);
          frame.reg[k] = frame.own(k);
        }
      }
    }
    frame.run(program, n, nullptr);
    absorb(state, frame.reg[program.result[0]], n, i, s.kind, positions);
    i += n;
  }
  return state;
}

template <class T> static NOINLINE void reduce_rows(const ReduceSpace& s, const Program<T>& program, i64 grain) {
  using A = typename Total<T>::type;
  const i64 longest = min_of(BLOCK<T>, s.count);
  i64 ranges = s.outputs < FEW_ROWS && s.count >= 2 * grain ? min_of(MAX_RANGES, s.count / grain) : 1;
  const i64 range = round_up(ceil_div(s.count, ranges), BLOCK<T>);
  ranges = ceil_div(s.count, range);
  const auto bases = [&](i64 o, const u8** base) {
    Odometer at;
    at.set(o, s.kept, s.n_kept);
    for (i32 k = 0; k < s.n_in; k++) base[k] = s.in[k].data + at.offset(s.in[k].kept, s.n_kept);
  };
  if (ranges == 1) {
    parallel_for(s.outputs, max_of(i64(1), grain / s.count), [&](i64 begin, i64 end) {
      Frame<T> frame;
      frame.prepare(program, longest);
      const u8* base[MAX_OPERANDS];
      for (i64 o = begin; o < end; o++) {
        bases(o, base);
        finish<T>(s, o, reduce_range(s, program, frame, base, 0, s.count));
      }
    });
    return;
  }
  State<A>* partial = static_cast<State<A>*>(shared_scratch());
  parallel_for(s.outputs * ranges, 1, [&](i64 begin, i64 end) {
    Frame<T> frame;
    frame.prepare(program, longest);
    const u8* base[MAX_OPERANDS];
    for (i64 unit = begin; unit < end; unit++) {
      const i64 first = unit % ranges * range;
      bases(unit / ranges, base);
      partial[unit] = reduce_range(s, program, frame, base, first, min_of(first + range, s.count));
    }
  });
  for (i64 o = 0; o < s.outputs; o++) {
    State<A> state = partial[o * ranges];
    for (i64 r = 1; r < ranges; r++) join(state, partial[o * ranges + r], s.kind);
    finish<T>(s, o, state);
  }
}

template <class T> static NOINLINE void reduce_segments(const ReduceSpace& s, const Program<T>& program, i64 grain) {
  using A = typename Total<T>::type;
  // The space of kept then reduced dims, walked in order.
  i64 shape[MAX_DIMS], strides[MAX_OPERANDS][MAX_DIMS];
  const i32 ndim = s.n_kept + s.n_red;
  for (i32 d = 0; d < ndim; d++) {
    shape[d] = d < s.n_kept ? s.kept[d] : s.reduced[d - s.n_kept];
    for (i32 k = 0; k < s.n_in; k++) strides[k][d] = d < s.n_kept ? s.in[k].kept[d] : s.in[k].reduced[d - s.n_kept];
  }
  const i64 per_block = BLOCK<T> / s.count, units = ceil_div(s.outputs, per_block);
  const bool positions = s.positions();
  parallel_for(units, max_of(i64(1), grain / BLOCK<T>), [&](i64 begin, i64 end) {
    Frame<T> frame;
    frame.prepare(program, min_of(BLOCK<T>, s.outputs * s.count));
    for (i64 unit = begin; unit < end; unit++) {
      const i64 o = unit * per_block, outputs = min_of(per_block, s.outputs - o), first = o * s.count, n = outputs * s.count;
      Odometer at;
      at.set(first, shape, ndim);
      for (i32 k = 0; k < s.n_in; k++) {
        const Source& v = s.in[k];
        const i64 size = itemsize(v.dtype);
        if (v.dense_all) {
          frame.fetch(k, v.data + first * size, v.dtype, size, n);
        } else {
          gather_linear(frame.own(k), v.data, v.dtype, shape, strides[k], ndim, at, n);
          frame.reg[k] = frame.own(k);
        }
      }
      frame.run(program, n, nullptr);
      const T* x = frame.reg[program.result[0]];
      for (i64 i = 0; i < outputs; i++, x += s.count) {
        State<A> state = start_state<A>(s.kind);
        absorb(state, x, s.count, 0, s.kind, positions);
        finish<T>(s, o + i, state);
      }
    }
  });
}

// A tile of columns: `width` outputs that lie side by side, or (narrow) several copies of all outputs' columns, one for each of `height`
// consecutive reduced elements, folded at the end.
template <class T> struct Columns {
  using A = typename Total<T>::type;
  T* partial;
  A* total;
  i64* index;
  i64 width, rows;
  i32 kind;
  bool empty;

  NOINLINE void start(i64 n, i32 reduction, u8* memory) {
    partial = reinterpret_cast<T*>(memory);
    total = reinterpret_cast<A*>(memory + BLOCK<T> * 8);
    index = reinterpret_cast<i64*>(memory + 2 * BLOCK<T> * 8);
    width = n;
    rows = 0;
    kind = reduction;
    empty = true;
    for (i64 j = 0; j < n; j++) total[j] = start_state<A>(kind).value;
    fill_run(partial, T(kind == R_ALL ? 1 : 0), n);
  }

  // One row of n <= width elements, number `row` of the reduced shape.
  NOINLINE void add(const T* x, i64 n, i64 row, bool positions) {
    switch (kind) {
      case R_SUM:
        add_row(partial, x, n);
        if (same_type<T, f32> && ++rows == PARTIAL_ROWS) flush();
        break;
      case R_PROD:
        for (i64 j = 0; j < n; j++) {
          if constexpr (is_float<T>) total[j] *= A(x[j]);
          else total[j] = A(u64(total[j]) * u64(x[j]));
        }
        break;
      case R_ANY: for (i64 j = 0; j < n; j++) partial[j] = T(partial[j] != 0 || x[j] != 0); break;
      case R_ALL: for (i64 j = 0; j < n; j++) partial[j] = T(partial[j] != 0 && x[j] != 0); break;
      default: {
        const bool largest = kind == R_MAX || kind == R_ARGMAX;
        if (empty) {
          copy_run(partial, x, n);
          if (positions) for (i64 j = 0; j < n; j++) index[j] = row;
          // columns beyond a short first row take part with their first real row
          empty = false;
        } else if (!positions) {
          extreme_row(partial, x, n, largest);
        } else {
          for (i64 j = 0; j < n; j++) {
            if (!beats(x[j], partial[j], largest)) continue;
            partial[j] = x[j];
            index[j] = row;
          }
        }
      }
    }
  }

  NOINLINE void flush() {
    for (i64 j = 0; j < width; j++) {
      if constexpr (is_float<T>) total[j] += A(partial[j]);
      else total[j] = A(u64(total[j]) + u64(partial[j]));
      partial[j] = 0;
    }
    rows = 0;
  }

  // The state of column j.
  NOINLINE State<A> state(i64 j, bool positions) const {
    if (kind == R_SUM || kind == R_PROD) return {total[j], 0};
    return {A(partial[j]), empty ? -1 : positions ? index[j] : 0};
  }
  void close() {
    if (kind == R_SUM) flush();
  }
};

template <class T> static NOINLINE void reduce_columns(const ReduceSpace& s, const Program<T>& program, i64 grain) {
  using A = typename Total<T>::type;
  const i32 kept_inner = s.n_kept - 1, inner = s.n_red - 1;
  const i64 columns = s.kept[kept_inner], outer = s.outputs / columns;
  const bool positions = s.positions();
  // Narrow: few columns; `height` rows of the innermost reduced dim are taken as one.
  i64 height = 1;
  if (s.n_kept == 1 && columns <= BLOCK<T> / 2 && !positions) height = max_of(i64(1), min_of(BLOCK<T> / columns, s.reduced[inner]));
  const i64 width = height > 1 ? columns * height : min_of(columns, BLOCK<T>);
  const i64 tiles = height > 1 ? 1 : ceil_div(columns, width), units = outer * tiles;
  // Rows of the walk: the outer reduced dims times the (grouped) innermost one.
  const i64 groups = ceil_div(s.reduced[inner], height), rows = s.count / s.reduced[inner] * groups;
  i64 ranges = units < FEW_TILES && !positions ? max_of(i64(1), min_of(MAX_TILE_RANGES, rows * width / grain)) : 1;
  const i64 range = ceil_div(rows, ranges);
  ranges = ceil_div(rows, range);

  // For the narrow walk: [innermost reduced dim, kept dim] as one space.
  i64 pair_shape[2] = {s.reduced[inner], columns}, pair_strides[MAX_OPERANDS][2];
  bool pair_dense[MAX_OPERANDS];
  for (i32 k = 0; k < s.n_in; k++) {
    const Source& v = s.in[k];
    const i64 size = itemsize(v.dtype);
    pair_strides[k][0] = v.reduced[inner];
    pair_strides[k][1] = v.kept[kept_inner];
    pair_dense[k] = (columns == 1 || v.kept[kept_inner] == size) && v.reduced[inner] == columns * size;
  }

  State<A>* partial = static_cast<State<A>*>(shared_scratch());
  parallel_for(units * ranges, ranges > 1 ? 1 : max_of(i64(1), grain / (s.count * min_of(columns, width))), [&](i64 begin, i64 end) {
    Frame<T> frame;
    frame.prepare(program, width);
    u8* memory = static_cast<u8*>(thread_scratch()) + MAX_REGISTERS * BLOCK_BYTES;
    for (i64 unit = begin; unit < end; unit++) {
      const i64 tile = unit / ranges, first_row = unit % ranges * range, last_row = min_of(first_row + range, rows);
      const i64 column = tile % tiles * width, n = height > 1 ? width : min_of(width, columns - column);
      Odometer kept_at;
      kept_at.set(tile / tiles * columns + column, s.kept, s.n_kept);
      const u8* base[MAX_OPERANDS];
      for (i32 k = 0; k < s.n_in; k++) base[k] = s.in[k].data + kept_at.offset(s.in[k].kept, s.n_kept);
      Columns<T> acc;
      acc.start(n, s.kind, memory);
      Odometer at;
      at.set(first_row / groups * s.reduced[inner], s.reduced, s.n_red);
      i64 group = first_row % groups;
      at.index[inner] = group * height;
      for (i64 row = first_row; row < last_row; row++) {
        const i64 high = min_of(height, s.reduced[inner] - at.index[inner]), length = height > 1 ? high * columns : n;
        for (i32 k = 0; k < s.n_in; k++) {
          const Source& v = s.in[k];
          const u8* p = base[k] + at.offset(v.reduced, s.n_red);
          if (height == 1) {
            frame.fetch(k, p, v.dtype, v.kept[kept_inner], length);
          } else if (pair_dense[k]) {
            frame.fetch(k, p, v.dtype, itemsize(v.dtype), length);
          } else {
            Odometer zero;
            zero.index[0] = zero.index[1] = 0;
            gather_linear(frame.own(k), p, v.dtype, pair_shape, pair_strides[k], 2, zero, length);
            frame.reg[k] = frame.own(k);
          }
        }
        frame.run(program, length, nullptr);
        const T* x = frame.reg[program.result[0]];
        if (acc.empty && s.kind >= R_MAX && s.kind != R_ANY && s.kind != R_ALL && length < n) {
          // A short first group: the missing rows repeat the first one, which changes no extreme.
          T* full = frame.own(program.n_regs);
          for (i64 j = 0; j < n; j++) full[j] = j < length ? x[j] : x[j % columns];
          acc.add(full, n, row, positions);
        } else {
          acc.add(x, length, row, positions);
        }
        if (++group == groups) {
          group = 0;
          at.index[inner] = 0;
          at.next(s.reduced, inner);
        } else {
          at.index[inner] += height;
        }
      }
      acc.close();
      const i64 results = height > 1 ? columns : n, o = tile / tiles * columns + column;
      for (i64 j = 0; j < results; j++) {
        State<A> state = acc.state(j, positions);
        for (i64 h = 1; h < height; h++) join(state, acc.state(j + h * columns, positions), s.kind);
        if (ranges == 1) finish<T>(s, o + j, state);
        else partial[(unit % ranges) * s.outputs + o + j] = state;
      }
    }
  });
  if (ranges == 1) return;
  for (i64 o = 0; o < s.outputs; o++) {
    State<A> state = partial[o];
    for (i64 r = 1; r < ranges; r++) join(state, partial[r * s.outputs + o], s.kind);
    finish<T>(s, o, state);
  }
}

template <class T> static NOINLINE void reduce_typed(const double* w, const ReduceSpace& s) {
  Program<T> program;
  const i32 n_const = i32(w[4]);
  if (!program.decode(ptr<const double>(w[2]), s.n_in, 1, n_const, w + integer(w[1]) - n_const)) return;
  if (program.n_regs >= MAX_REGISTERS) return fail(BAD_INSTRUCTION, program.n_regs);
  if (s.count == 0) {
    for (i64 o = 0; o < s.outputs; o++) {
      State<typename Total<T>::type> state = start_state<typename Total<T>::type>(s.kind);
      state.index = 0;
      finish<T>(s, o, state);
    }
    return;
  }
  const i64 grain = program_grain(program.cost + s.n_in) / 2;
  // Which innermost dim is the dense one: the inputs vote with their strides.
  i32 votes = 0;
  const i64 columns = s.kept[s.n_kept - 1];
  for (i32 k = 0; k < s.n_in; k++) {
    const i64 ks = s.in[k].kept[s.n_kept - 1], rs = s.in[k].reduced[s.n_red - 1];
    const i64 a = ks < 0 ? -ks : ks, b = rs < 0 ? -rs : rs;
    if (a != 0 && b != 0) votes += a < b ? 1 : a > b ? -1 : 0;
  }
  if (votes > 0 && columns >= 2 && s.count > 1) return reduce_columns(s, program, grain);
  if (s.count <= SHORT_SEGMENT && s.outputs > 1) return reduce_segments(s, program, grain);
  reduce_rows(s, program, grain);
}

void op_reduce(const double* w) {
  ReduceSpace s;
  if (!decode_space(w, s) || s.outputs == 0) return;
  switch (i32(w[7])) {
    case CF32: return reduce_typed<f32>(w, s);
    case CF64: return reduce_typed<f64>(w, s);
    case CI64: return reduce_typed<i64>(w, s);
    default: return fail(BAD_INSTRUCTION, w[7]);
  }
}

}  // namespace fathom
