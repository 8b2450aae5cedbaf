// SGD and ADAM: one fused pass over a parameter and its state, in the order of operations of torch.optim's single-tensor implementations.
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

void op_sgd(const double* w) { return w[2] == F64 ? sgd<f64>(w) : sgd<f32>(w); }
void op_adam(const double* w) { return w[2] == F64 ? adam<f64>(w) : adam<f32>(w); }

}  // namespace fathom
