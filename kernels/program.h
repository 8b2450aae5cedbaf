// Scalar programs: decoding, and evaluation over blocks of elements held in the first-level cache. Shared by EWISE and REDUCE.
#pragma once
#include "convert.h"
#include "parallel.h"
#include "scalar_ops.h"

namespace fathom {

constexpr i32 MAX_DIMS = 16, MAX_OPERANDS = 64, MAX_REGISTERS = 256, MAX_STEPS = 512;
constexpr i64 BLOCK_BYTES = 2048;
// Elements of one block.
template <class T> constexpr i64 BLOCK = BLOCK_BYTES / sizeof(T);
static_assert((MAX_REGISTERS + 2) * BLOCK_BYTES <= SCRATCH_BYTES, "all registers fit the scratch memory");

// One scalar operation over n dense elements; unused operands may be anything. d may be one of a, b, c.
template <class T> using StepFn = void (*)(T* d, const T* a, const T* b, const T* c, i64 n);
// The function of a scalar operation, null when there is none of that number.
template <class T> StepFn<T> step_function(i32 op);
// Rough cost of an operation, 1 for an addition.
i32 step_cost(i32 op);

template <class T> struct Step {
  StepFn<T> run;
  i32 dst, a, b, c;
  i32 direct;  // the output that this step may write in place, or -1
};

// A decoded program; read-only once decoded, so that threads share it.
template <class T> struct Program {
  i32 n_in, n_const, n_regs, n_steps, n_out;
  i32 cost;
  const double* constants;
  i32 result[MAX_OPERANDS];
  Step<T> steps[MAX_STEPS];

  // False (with an error recorded) when the program is malformed.
  bool decode(const double* p, i32 inputs, i32 outputs, i32 constant_count, const double* constant_words) {
    n_in = inputs;
    n_out = outputs;
    n_const = constant_count;
    constants = constant_words;
    n_steps = static_cast<i32>(p[0]);
    n_regs = static_cast<i32>(p[1]);
    if (n_steps > MAX_STEPS || n_regs > MAX_REGISTERS || n_in + n_out > MAX_OPERANDS) return reject(p[0]);
    for (i32 k = 0; k < n_out; k++) {
      result[k] = static_cast<i32>(p[2 + k]);
      if (result[k] < 0 || result[k] >= n_regs) return reject(p[2 + k]);
    }
    const double* s = p + 2 + n_out;
    cost = 0;
    for (i32 i = 0; i < n_steps; i++, s += 5) {
      Step<T>& step = steps[i];
      step.run = step_function<T>(static_cast<i32>(s[0]));
      step.dst = static_cast<i32>(s[1]);
      step.a = static_cast<i32>(s[2]);
      step.b = static_cast<i32>(s[3]);
      step.c = static_cast<i32>(s[4]);
      step.direct = -1;
      cost += step_cost(static_cast<i32>(s[0]));
      const i32 last = max_of(max_of(step.a, step.b), max_of(step.c, step.dst));
      if (step.run == nullptr || step.dst < n_in + n_const || last >= n_regs) return reject(s[0]);
    }
    return true;
  }

  // Lets the last writer of a result write the output itself, where `allowed[k]`.
  void link_outputs(const bool* allowed) {
    for (i32 k = 0; k < n_out; k++) {
      if (!allowed[k]) continue;
      for (i32 i = n_steps - 1; i >= 0; i--) {
        if (steps[i].dst != result[k]) continue;
        if (steps[i].direct < 0) steps[i].direct = k;
        break;
      }
    }
  }

  static bool reject(double what) {
    fail(BAD_INSTRUCTION, what);
    return false;
  }
};

// Registers of one thread: where each lies now, and the thread's own block for it.
template <class T> struct Frame {
  const T* reg[MAX_REGISTERS];
  T* base;
  const u8* filled[MAX_OPERANDS];  // broadcast inputs: the address whose value fills the own block

  T* own(i32 r) const { return base + r * BLOCK<T>; }

  // `n`: the longest block that will be run.
  void prepare(const Program<T>& program, i64 n) {
    base = static_cast<T*>(thread_scratch());
    for (i32 k = 0; k < program.n_const; k++) {
      const i32 r = program.n_in + k;
      fill_run(own(r), T(program.constants[k]), n);
      reg[r] = own(r);
    }
    for (i32 k = 0; k < program.n_in; k++) filled[k] = nullptr;
    longest = n;
  }

  // Puts n elements of input k, `step` bytes apart from p, into its register; in place when they are dense and of type T.
  NOINLINE void fetch(i32 k, const u8* p, i32 dtype, i64 step, i64 n, bool in_place = true) {
    if (step == i64(sizeof(T)) && dtype == dtype_of<T>() && in_place) {
      reg[k] = reinterpret_cast<const T*>(p);
      return;
    }
    T* to = own(k);
    if (step == 0 && n > 0) {
      if (filled[k] != p) fill_run(to, load_as<T>(p, dtype), longest);
      filled[k] = p;
    } else {
      load_run(to, p, dtype, step, n);
    }
    reg[k] = to;
  }

  // `out[k]`: where output k of this block lies, for outputs that are written in place.
  NOINLINE void run(const Program<T>& program, i64 n, T* const* out) {
    for (i32 i = 0; i < program.n_steps; i++) {
      const Step<T>& s = program.steps[i];
      T* to = s.direct >= 0 ? out[s.direct] : own(s.dst);
      s.run(to, reg[s.a], reg[s.b], reg[s.c], n);
      reg[s.dst] = to;
    }
  }

  i64 longest;
};

// A position in an index space; dims are listed outermost first.
struct Odometer {
  i64 index[MAX_DIMS];

  void set(i64 linear, const i64* shape, i32 ndim) {
    for (i32 d = ndim - 1; d >= 0; d--) {
      index[d] = linear % shape[d];
      linear /= shape[d];
    }
  }
  // The offset of this position under `strides`.
  INLINE i64 offset(const i64* strides, i32 ndim) const {
    i64 o = 0;
    for (i32 d = 0; d < ndim; d++) o += index[d] * strides[d];
    return o;
  }
  INLINE void next(const i64* shape, i32 ndim) {
    for (i32 d = ndim - 1; d >= 0; d--) {
      if (++index[d] < shape[d]) return;
      index[d] = 0;
    }
  }
};

// n elements that follow position `at` in row-major order over `shape`, gathered as dense T. Strides in bytes.
template <class T> void gather_linear(T* to, const u8* p, i32 dtype, const i64* shape, const i64* strides, i32 ndim, Odometer at, i64 n);
// The inverse: dense T scattered to those elements.
template <class T> void scatter_linear(u8* p, i32 dtype, const i64* shape, const i64* strides, i32 ndim, Odometer at, const T* from, i64 n);

// Elements of a program per parallel chunk: by cost, never by the number of threads.
INLINE i64 program_grain(i32 cost) { return max_of(i64(1024), i64(131072) / (4 + cost) & ~i64(1023)); }

}  // namespace fathom
