// SGD, ADAM, RMSPROP, ADAGRAD and ADADELTA: one fused pass over a parameter and its state, in the order of operations of torch.optim's
// single-tensor implementations.
#include "ops.h"
#include "parallel.h"
#include "simd.h"

namespace fathom {

constexpr i64 GRAIN = 1 << 14;

// Runs body(i) for vectors and then single elements: Body is a template over the value type.
template <class T, class Body> static INLINE void each(i64 n, const Body& body) {
  parallel_for(n, GRAIN, [&](i64 begin, i64 end) {
    i64 i = begin;
    for (; i + LANES<T> <= end; i += LANES<T>) body(i, Vec<T>{});
    for (; i < end; i++) body(i, T{});
  });
}

template <class T> static NOINLINE void sgd(const double* w) {
  const i64 n = integer(w[3]);
  T* param = ptr<T>(w[4]);
  const T* grad = ptr<const T>(w[5]);
  T* buffer = ptr<T>(w[6]);
  const T lr = T(w[7]), momentum = T(w[8]), keep = T(1 - w[9]), decay = T(w[10]);
  const bool nesterov = w[11] != 0, maximize = w[12] != 0, first = w[13] != 0;
  const bool use_buffer = buffer != nullptr && momentum != 0;
  each<T>(n, [=](i64 i, auto sample) {
    using V = decltype(sample);
    V p = load<V>(param + i), g = load<V>(grad + i);
    if (maximize) g = -g;
    if (decay != 0) g = g + p * splat<V>(decay);
    if (use_buffer) {
      const V b = first ? g : V(load<V>(buffer + i) * splat<V>(momentum) + g * splat<V>(keep));
      store(buffer + i, b);
      g = nesterov ? V(g + b * splat<V>(momentum)) : b;
    }
    store(param + i, V(p - g * splat<V>(lr)));
  });
}

// base to a whole power, by squaring.
static double whole_power(double base, i64 n) {
  double result = 1;
  for (; n > 0; n >>= 1, base *= base)
    if (n & 1) result *= base;
  return result;
}

template <class T> static NOINLINE void adam(const double* w) {
  const i64 n = integer(w[3]);
  T* param = ptr<T>(w[4]);
  const T* grad = ptr<const T>(w[5]);
  T *average = ptr<T>(w[6]), *square = ptr<T>(w[7]), *largest = ptr<T>(w[8]);
  const double lr = w[9], beta1 = w[10], beta2 = w[11], decay = w[13];
  const bool decoupled = w[14] != 0, maximize = w[15] != 0;
  const i64 step = integer(w[16]);
  const double correction1 = 1 - whole_power(beta1, step), correction2 = 1 - whole_power(beta2, step);
  const T step_size = T(lr / correction1), root2 = T(__builtin_sqrt(correction2)), eps = T(w[12]), shrink = T(1 - lr * decay), coupled = T(decay);
  const T weight1 = T(1 - beta1), weight2 = T(1 - beta2), b1 = T(beta1), b2 = T(beta2);
  const bool near_start = 1 - beta1 < 0.5;  // torch.lerp starts from whichever end is nearer
  const bool use_decay = decay != 0;
  each<T>(n, [=](i64 i, auto sample) {
    using V = decltype(sample);
    V p = load<V>(param + i), g = load<V>(grad + i);
    if (maximize) g = -g;
    if (use_decay) {
      if (decoupled) p = p * splat<V>(shrink);
      else g = g + p * splat<V>(coupled);
    }
    V m = load<V>(average + i);
    m = near_start ? V(m + (g - m) * splat<V>(weight1)) : V(g - (g - m) * splat<V>(b1));
    V v = load<V>(square + i) * splat<V>(b2) + (g * splat<V>(weight2)) * g;
    store(average + i, m);
    store(square + i, v);
    if (largest) {
      v = vmax(load<V>(largest + i), v);
      store(largest + i, v);
    }
    const V denominator = vsqrt(v) / splat<V>(root2) + splat<V>(eps);
    store(param + i, V(p - (m / denominator) * splat<V>(step_size)));
  });
}

// The gradient as an update uses it: turned around to maximize, with the L2 penalty.
template <class V> static INLINE V penalized(V g, V p, bool maximize, double decay) {
  if (maximize) g = -g;
  return decay != 0 ? V(g + p * splat<V>(Elem<V>(decay))) : g;
}

template <class T> static NOINLINE void rmsprop(const double* w) {
  const i64 n = integer(w[3]);
  T* param = ptr<T>(w[4]);
  const T* grad = ptr<const T>(w[5]);
  T *square = ptr<T>(w[6]), *average = ptr<T>(w[7]), *buffer = ptr<T>(w[8]);
  const T lr = T(w[9]), alpha = T(w[10]), rest = T(1 - w[10]), eps = T(w[11]), momentum = T(w[13]);
  const double decay = w[12];
  const bool maximize = w[14] != 0, near_start = 1 - w[10] < 0.5;
  each<T>(n, [=](i64 i, auto sample) {
    using V = decltype(sample);
    const V p = load<V>(param + i), g = penalized(load<V>(grad + i), p, maximize, decay);
    V v = load<V>(square + i) * splat<V>(alpha) + (g * splat<V>(rest)) * g;
    store(square + i, v);
    if (average) {
      V m = load<V>(average + i);
      m = near_start ? V(m + (g - m) * splat<V>(rest)) : V(g - (g - m) * splat<V>(alpha));
      store(average + i, m);
      v = vmax(V(v - m * m), V{});  // a variance; rounding can bring it below 0
    }
    V step = g / (vsqrt(v) + splat<V>(eps));
    if (buffer) {
      step = load<V>(buffer + i) * splat<V>(momentum) + step;
      store(buffer + i, step);
    }
    store(param + i, V(p - step * splat<V>(lr)));
  });
}

template <class T> static NOINLINE void adagrad(const double* w) {
  const i64 n = integer(w[3]);
  T* param = ptr<T>(w[4]);
  const T* grad = ptr<const T>(w[5]);
  T* sum = ptr<T>(w[6]);
  const T lr = T(w[7]), eps = T(w[8]);
  const double decay = w[9];
  const bool maximize = w[10] != 0;
  each<T>(n, [=](i64 i, auto sample) {
    using V = decltype(sample);
    const V p = load<V>(param + i), g = penalized(load<V>(grad + i), p, maximize, decay);
    const V s = load<V>(sum + i) + g * g;
    store(sum + i, s);
    store(param + i, V(p - g / (vsqrt(s) + splat<V>(eps)) * splat<V>(lr)));
  });
}

template <class T> static NOINLINE void adadelta(const double* w) {
  const i64 n = integer(w[3]);
  T* param = ptr<T>(w[4]);
  const T* grad = ptr<const T>(w[5]);
  T *square = ptr<T>(w[6]), *moved = ptr<T>(w[7]);
  const T lr = T(w[8]), rho = T(w[9]), rest = T(1 - w[9]), eps = T(w[10]);
  const double decay = w[11];
  const bool maximize = w[12] != 0;
  each<T>(n, [=](i64 i, auto sample) {
    using V = decltype(sample);
    const V p = load<V>(param + i), g = penalized(load<V>(grad + i), p, maximize, decay);
    const V v = load<V>(square + i) * splat<V>(rho) + (g * splat<V>(rest)) * g;
    V d = load<V>(moved + i);
    const V step = vsqrt(V(d + splat<V>(eps))) / vsqrt(V(v + splat<V>(eps))) * g;
    d = d * splat<V>(rho) + (step * splat<V>(rest)) * step;
    store(square + i, v);
    store(moved + i, d);
    store(param + i, V(p - step * splat<V>(lr)));
  });
}

void op_sgd(const double* w) { return w[2] == F64 ? sgd<f64>(w) : sgd<f32>(w); }
void op_adam(const double* w) { return w[2] == F64 ? adam<f64>(w) : adam<f32>(w); }
void op_rmsprop(const double* w) { return w[2] == F64 ? rmsprop<f64>(w) : rmsprop<f32>(w); }
void op_adagrad(const double* w) { return w[2] == F64 ? adagrad<f64>(w) : adagrad<f32>(w); }
void op_adadelta(const double* w) { return w[2] == F64 ? adadelta<f64>(w) : adadelta<f32>(w); }

}  // namespace fathom
