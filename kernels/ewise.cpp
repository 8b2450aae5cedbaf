// EWISE: a scalar program over broadcast, strided operands, evaluated over blocks of elements.
#include "copy.h"
#include "ops.h"
#include "program.h"

namespace fathom {

// Rows shorter than this are evaluated in blocks that span rows.
constexpr i64 SHORT_ROW = 128;

struct View {
  u8* data;
  i32 dtype;
  bool dense;   // row-major and without gaps over the whole shape
  bool scalar;  // one element, broadcast
  i64 strides[MAX_DIMS];
};

struct Space {
  i32 ndim, n_in, n_out;
  i64 numel, inner;
  i64 shape[MAX_DIMS];
  View out[MAX_OPERANDS], in[MAX_OPERANDS];
};

static NOINLINE bool decode_space(const double* w, Space& s) {
  s.n_in = static_cast<i32>(w[3]);
  s.n_out = static_cast<i32>(w[4]);
  s.ndim = static_cast<i32>(w[6]);
  s.numel = integer(w[7]);
  if (s.ndim > MAX_DIMS || s.n_in + s.n_out > MAX_OPERANDS) {
    fail(BAD_INSTRUCTION, s.ndim, s.n_in + s.n_out);
    return false;
  }
  const double* address = w + 9;
  const double* shape = address + 2 * (s.n_out + s.n_in);
  const double* strides = shape + s.ndim;
  for (i32 d = 0; d < s.ndim; d++) s.shape[d] = integer(shape[d]);
  for (i32 k = 0; k < s.n_out + s.n_in; k++, address += 2, strides += s.ndim) {
    View& v = k < s.n_out ? s.out[k] : s.in[k - s.n_out];
    v.data = ptr(address[0]);
    v.dtype = static_cast<i32>(address[1]);
    const i64 size = itemsize(v.dtype);
    i64 expected = size;
    v.dense = v.scalar = true;
    for (i32 d = s.ndim - 1; d >= 0; d--) {
      v.strides[d] = integer(strides[d]) * size;
      if (s.shape[d] == 1) continue;
      if (v.strides[d] != expected) v.dense = false;
      if (v.strides[d] != 0) v.scalar = false;
      expected *= s.shape[d];
    }
  }
  if (s.ndim == 0) {
    s.ndim = 1;
    s.shape[0] = 1;
    for (i32 k = 0; k < s.n_out; k++) s.out[k].strides[0] = itemsize(s.out[k].dtype);
    for (i32 k = 0; k < s.n_in; k++) s.in[k].strides[0] = itemsize(s.in[k].dtype);
  }
  s.inner = s.shape[s.ndim - 1];
  return true;
}

// Blocks within rows: an operand with inner stride 1 is read and written where it lies.
template <class T> static NOINLINE void run_rows(const Space& s, const Program<T>& program, const bool* aliased, const bool* direct, i64 begin, i64 end) {
  const i32 inner = s.ndim - 1;
  const i64 blocks = ceil_div(s.inner, BLOCK<T>);
  Frame<T> frame;
  frame.prepare(program, min_of(BLOCK<T>, s.inner));
  Odometer at;
  at.set(begin / blocks, s.shape, inner);
  i64 block = begin % blocks;
  const u8* in[MAX_OPERANDS];
  u8* out[MAX_OPERANDS];
  T* place[MAX_OPERANDS];
  bool moved = true;
  for (i64 unit = begin; unit < end; unit++) {
    if (moved) {
      for (i32 k = 0; k < s.n_in; k++) in[k] = s.in[k].data + at.offset(s.in[k].strides, inner);
      for (i32 k = 0; k < s.n_out; k++) out[k] = s.out[k].data + at.offset(s.out[k].strides, inner);
      moved = false;
    }
    const i64 first = block * BLOCK<T>, n = min_of(BLOCK<T>, s.inner - first);
    for (i32 k = 0; k < s.n_in; k++) {
      const View& v = s.in[k];
      frame.fetch(k, in[k] + first * v.strides[inner], v.dtype, v.strides[inner], n, !aliased[k]);
    }
    for (i32 k = 0; k < s.n_out; k++) place[k] = reinterpret_cast<T*>(out[k] + first * s.out[k].strides[inner]);
    frame.run(program, n, place);
    for (i32 k = 0; k < s.n_out; k++) {
      const T* value = frame.reg[program.result[k]];
      if (value == place[k]) continue;
      if (direct[k]) copy_run(place[k], value, n);
      else store_run(reinterpret_cast<u8*>(place[k]), s.out[k].dtype, s.out[k].strides[inner], value, n);
    }
    if (++block == blocks) {
      block = 0;
      at.next(s.shape, inner);
      moved = true;
    }
  }
}

// Blocks of the row-major element order, across short rows: operands that are not dense are gathered.
template <class T> static NOINLINE void run_linear(const Space& s, const Program<T>& program, const bool* aliased, const bool* direct, i64 begin, i64 end) {
  Frame<T> frame;
  frame.prepare(program, min_of(BLOCK<T>, s.numel));
  T* place[MAX_OPERANDS];
  for (i64 unit = begin; unit < end; unit++) {
    const i64 first = unit * BLOCK<T>, n = min_of(BLOCK<T>, s.numel - first);
    Odometer at;
    at.set(first, s.shape, s.ndim);
    for (i32 k = 0; k < s.n_in; k++) {
      const View& v = s.in[k];
      const i64 size = itemsize(v.dtype);
      if (v.dense) frame.fetch(k, v.data + first * size, v.dtype, size, n, !aliased[k]);
      else if (v.scalar) frame.fetch(k, v.data, v.dtype, 0, n);
      else {
        gather_linear(frame.own(k), v.data, v.dtype, s.shape, v.strides, s.ndim, at, n);
        frame.reg[k] = frame.own(k);
      }
    }
    for (i32 k = 0; k < s.n_out; k++) place[k] = reinterpret_cast<T*>(s.out[k].data + first * itemsize(s.out[k].dtype));
    frame.run(program, n, place);
    for (i32 k = 0; k < s.n_out; k++) {
      const T* value = frame.reg[program.result[k]];
      const View& v = s.out[k];
      if (direct[k]) {
        if (value != place[k]) copy_run(place[k], value, n);
      } else if (v.dense) {
        store_run(reinterpret_cast<u8*>(place[k]), v.dtype, itemsize(v.dtype), value, n);
      } else {
        scatter_linear(v.data, v.dtype, s.shape, v.strides, s.ndim, at, value, n);
      }
    }
  }
}

template <class T> static NOINLINE void ewise_typed(const double* w, const Space& s) {
  Program<T> program;
  const i32 n_const = static_cast<i32>(w[5]);
  const double* constants = w + integer(w[1]) - n_const;
  if (!program.decode(ptr<const double>(w[2]), s.n_in, s.n_out, n_const, constants)) return;

  const bool rows = s.inner >= SHORT_ROW || s.ndim == 1;
  // An output that is written in place must not destroy an input that is still to be read: with one output, reading
  // comes first for each element; with several, inputs that share storage with an output are copied first.
  bool direct[MAX_OPERANDS], in_place[MAX_OPERANDS], aliased[MAX_OPERANDS];
  for (i32 i = 0; i < s.n_in; i++) aliased[i] = false;
  for (i32 k = 0; k < s.n_out; k++) {
    const View& v = s.out[k];
    direct[k] = v.dtype == dtype_of<T>() && (rows ? v.strides[s.ndim - 1] == i64(sizeof(T)) || s.inner == 1 : v.dense);
    in_place[k] = direct[k];
    if (s.n_out == 1) break;
    for (i32 i = 0; i < s.n_in; i++) {
      if (s.in[i].data != v.data) continue;
      aliased[i] = true;
      in_place[k] = false;
    }
  }
  program.link_outputs(in_place);
  const i64 units = rows ? s.numel / s.inner * ceil_div(s.inner, BLOCK<T>) : ceil_div(s.numel, BLOCK<T>);
  const i64 unit_size = rows ? min_of(s.inner, BLOCK<T>) : BLOCK<T>;
  const i64 grain = max_of(i64(1), program_grain(program.cost + s.n_in + s.n_out) / unit_size);
  if (rows) parallel_for(units, grain, [&](i64 begin, i64 end) { run_rows(s, program, aliased, direct, begin, end); });
  else parallel_for(units, grain, [&](i64 begin, i64 end) { run_linear(s, program, aliased, direct, begin, end); });
}

// One step over at most one block of dense or broadcast operands of the compute type: no decoding, no threads. False when it is not such a case.
template <class T> static NOINLINE bool ewise_small(const double* w, const double* program) {
  const i32 n_in = static_cast<i32>(w[3]), n_const = static_cast<i32>(w[5]), ndim = static_cast<i32>(w[6]);
  const i64 n = integer(w[7]);
  if (n > BLOCK<T> || n_in > 3 || n_in + n_const > MAX_REGISTERS) return false;
  const double* strides = w + 11 + 2 * n_in + ndim;
  if (static_cast<i32>(w[10]) != dtype_of<T>() || (ndim == 1 && n > 1 && strides[0] != 1)) return false;
  const StepFn<T> run = step_function<T>(static_cast<i32>(program[3]));
  if (run == nullptr || program[4] != program[2]) return false;
  T* const scratch = static_cast<T*>(thread_scratch());
  const T* operand[3];
  const double* constants = w + integer(w[1]) - n_const;
  for (i32 i = 0; i < 3; i++) {
    const i32 r = static_cast<i32>(program[5 + i]);
    if (r < 0 || r >= n_in + n_const) return false;
    if (r >= n_in) {
      fill_run(scratch + i * BLOCK<T>, T(constants[r - n_in]), n);
      operand[i] = scratch + i * BLOCK<T>;
      continue;
    }
    const T* p = ptr<const T>(w[11 + 2 * r]);
    if (static_cast<i32>(w[12 + 2 * r]) != dtype_of<T>()) return false;
    if (ndim == 0 || n == 1 || strides[1 + r] == 1) {
      operand[i] = p;
    } else if (strides[1 + r] == 0) {
      fill_run(scratch + i * BLOCK<T>, *p, n);
      operand[i] = scratch + i * BLOCK<T>;
    } else {
      return false;
    }
  }
  run(ptr<T>(w[9]), operand[0], operand[1], operand[2], n);
  return true;
}

// Copy without change of dtype: the identity program over one input.
static NOINLINE void ewise_copy(const Space& s) {
  copy_strided(s.out[0].data, s.out[0].strides, s.in[0].data, s.in[0].strides, s.shape, s.ndim, itemsize(s.out[0].dtype));
}

static NOINLINE void ewise_general(const double* w) {
  Space s;
  if (!decode_space(w, s) || s.numel == 0) return;
  const double* program = ptr<const double>(w[2]);
  if (program[0] == 0 && s.n_in == 1 && s.n_out == 1 && program[2] == 0 && s.in[0].dtype == s.out[0].dtype) return ewise_copy(s);
  switch (static_cast<i32>(w[8])) {
    case CF32: return ewise_typed<f32>(w, s);
    case CF64: return ewise_typed<f64>(w, s);
    case CI64: return ewise_typed<i64>(w, s);
    default: return fail(BAD_INSTRUCTION, w[8]);
  }
}

void op_ewise(const double* w) {
  if (w[7] == 0) return;
  const double* program = ptr<const double>(w[2]);
  if (program[0] == 1 && w[4] == 1 && w[6] <= 1 && w[7] <= BLOCK<f32>) {
    switch (static_cast<i32>(w[8])) {
      case CF32: if (ewise_small<f32>(w, program)) return; break;
      case CF64: if (ewise_small<f64>(w, program)) return; break;
      default: if (ewise_small<i64>(w, program)) return; break;
    }
  }
  ewise_general(w);
}

}  // namespace fathom
