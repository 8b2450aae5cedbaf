// CTC_FORWARD and CTC_BACKWARD: the negative log-likelihood of label sequences summed over all alignments with blanks, and its gradient
// (Graves et al., 2006). One sequence is one unit of work; sums of probabilities are kept as logarithms in double precision.
#include "ops.h"
#include "parallel.h"
#include "vmath.h"

namespace fathom {

struct Ctc {
  i64 T, N, C, S, blank;  // S: longest target
  const i64 *targets, *starts, *target_lengths, *input_lengths;
  explicit Ctc(const double* w)
      : T(integer(w[3])), N(integer(w[4])), C(integer(w[5])), S(integer(w[6])), blank(integer(w[7])), targets(ptr<const i64>(w[9])),
        starts(ptr<const i64>(w[10])), target_lengths(ptr<const i64>(w[11])), input_lengths(ptr<const i64>(w[12])) {}
  i64 states() const { return 2 * S + 1; }
  // The label of a state of sequence n: blanks at even places.
  i64 label(i64 n, i64 s) const { return s % 2 == 0 ? blank : targets[starts[n] + s / 2]; }
  // Whether state s may follow state s - 2: no blank between two equal labels may be left out.
  bool skips(i64 n, i64 s) const { return s >= 2 && s % 2 == 1 && label(n, s) != label(n, s - 2); }
  // False, with an error recorded, when a target is no class.
  bool valid(i64 n) const {
    for (i64 i = 0; i < target_lengths[n]; i++) {
      const i64 c = targets[starts[n] + i];
      if (UNLIKELY(c < 0 || c >= C)) {
        fail(INDEX_OUT_OF_RANGE, double(c), double(C), 0);
        return false;
      }
    }
    return true;
  }
};

constexpr f64 NEVER = -__builtin_inf();

static INLINE f64 log_sum(f64 a, f64 b, f64 c) {
  const f64 top = max_of(max_of(a, b), c);
  if (top == NEVER) return NEVER;
  return top + vlog(vexp(a - top) + vexp(b - top) + vexp(c - top));
}

// alpha [T, states]: log-probability of all alignments of the first t + 1 steps that end in a state.
template <class T> static NOINLINE f64 forward_one(const Ctc& p, const T* log_probs, i64 n, f64* alpha) {
  const i64 states = 2 * p.target_lengths[n] + 1, steps = p.input_lengths[n], stride = p.states();
  const auto at = [&](i64 t, i64 s) { return f64(log_probs[(t * p.N + n) * p.C + p.label(n, s)]); };
  if (steps == 0) return states == 1 ? 0 : -NEVER;
  for (i64 s = 0; s < states; s++) alpha[s] = s < 2 ? at(0, s) : NEVER;
  for (i64 t = 1; t < steps; t++) {
    const f64* before = alpha + (t - 1) * stride;
    for (i64 s = 0; s < states; s++)
      alpha[t * stride + s] = log_sum(before[s], s > 0 ? before[s - 1] : NEVER, p.skips(n, s) ? before[s - 2] : NEVER) + at(t, s);
  }
  const f64* last = alpha + (steps - 1) * stride;
  return -log_sum(last[states - 1], states > 1 ? last[states - 2] : NEVER, NEVER);
}

template <class T> static NOINLINE void ctc_forward(const double* w) {
  const Ctc p(w);
  const T* log_probs = ptr<const T>(w[8]);
  T* nll = ptr<T>(w[13]);
  f64* alpha = ptr<f64>(w[14]);
  parallel_for(p.N, 1, [&](i64 begin, i64 end) {
    for (i64 n = begin; n < end; n++)
      if (p.valid(n)) nll[n] = T(forward_one(p, log_probs, n, alpha + n * p.T * p.states()));
  });
}

// The gradient with respect to normalised log-probabilities: (p_c - share of the alignments that show c at step t) · gradient of the loss.
template <class T> static NOINLINE void backward_one(const Ctc& p, const T* log_probs, i64 n, const f64* alpha, f64 nll, f64 scale, f64* work, T* grad) {
  const i64 states = 2 * p.target_lengths[n] + 1, steps = p.input_lengths[n], stride = p.states();
  f64 *beta = work, *next = work + stride, *share = work + 2 * stride;
  const auto row = [&](i64 t) { return log_probs + (t * p.N + n) * p.C; };
  for (i64 t = steps - 1; t >= 0; t--) {
    for (i64 s = 0; s < states; s++) {
      f64 after;
      if (t == steps - 1) after = s >= states - 2 ? 0 : NEVER;
      else after = log_sum(next[s], s + 1 < states ? next[s + 1] : NEVER, s + 2 < states && p.skips(n, s + 2) ? next[s + 2] : NEVER);
      beta[s] = after + f64(row(t)[p.label(n, s)]);
    }
    for (i64 c = 0; c < p.C; c++) share[c] = NEVER;
    for (i64 s = 0; s < states; s++) {
      f64& to = share[p.label(n, s)];
      to = log_sum(to, alpha[t * stride + s] + beta[s], NEVER);
    }
    T* out = grad + (t * p.N + n) * p.C;
    for (i64 c = 0; c < p.C; c++) {
      const f64 lp = f64(row(t)[c]);
      out[c] = T((vexp(lp) - (share[c] == NEVER ? 0 : vexp(share[c] + nll - lp))) * scale);
    }
    f64* swap = beta;
    beta = next;
    next = swap;
  }
}

template <class T> static NOINLINE void ctc_backward(const double* w) {
  const Ctc p(w);
  const T *log_probs = ptr<const T>(w[8]), *nll = ptr<const T>(w[13]), *grad_out = ptr<const T>(w[15]);
  const f64* alpha = ptr<const f64>(w[14]);
  T* grad = ptr<T>(w[16]);
  const bool zero_infinity = w[17] != 0;
  f64* work = ptr<f64>(w[18]);
  memset(grad, 0, usize(p.T * p.N * p.C) * sizeof(T));
  parallel_for(p.N, 1, [&](i64 begin, i64 end) {
    for (i64 n = begin; n < end; n++) {
      if (zero_infinity && nll[n] == T(-NEVER)) continue;
      backward_one(p, log_probs, n, alpha + n * p.T * p.states(), f64(nll[n]), f64(grad_out[n]), work + n * (2 * p.states() + p.C), grad);
    }
  });
}

void op_ctc_forward(const double* w) { return w[2] == F64 ? ctc_forward<f64>(w) : ctc_forward<f32>(w); }
void op_ctc_backward(const double* w) { return w[2] == F64 ? ctc_backward<f64>(w) : ctc_backward<f32>(w); }

}  // namespace fathom
