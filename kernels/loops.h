// Loops that apply one scalar operation to blocks: vector bodies for the hot operations, calls for the rest.
#pragma once
#include "program.h"

namespace fathom {

// Op::run takes and returns vectors. The last elements go through the same vector code, so that a value never depends on its position.
template <class T, class Op> NOINLINE void vector_loop1(T* d, const T* a, const T*, const T*, i64 n) {
  using V = Vec<T>;
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(d + i, Op::run(load<V>(a + i)));
  for (; i < n; i++) d[i] = Op::run(splat<V>(a[i]))[0];
}
template <class T, class Op> NOINLINE void vector_loop2(T* d, const T* a, const T* b, const T*, i64 n) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    const V r0 = Op::run(load<V>(a + i), load<V>(b + i)), r1 = Op::run(load<V>(a + i + L), load<V>(b + i + L));
    const V r2 = Op::run(load<V>(a + i + 2 * L), load<V>(b + i + 2 * L)), r3 = Op::run(load<V>(a + i + 3 * L), load<V>(b + i + 3 * L));
    store(d + i, r0);
    store(d + i + L, r1);
    store(d + i + 2 * L, r2);
    store(d + i + 3 * L, r3);
  }
  for (; i + L <= n; i += L) store(d + i, Op::run(load<V>(a + i), load<V>(b + i)));
  for (; i < n; i++) d[i] = Op::run(splat<V>(a[i]), splat<V>(b[i]))[0];
}
template <class T, class Op> NOINLINE void vector_loop3(T* d, const T* a, const T* b, const T* c, i64 n) {
  using V = Vec<T>;
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(d + i, Op::run(load<V>(a + i), load<V>(b + i), load<V>(c + i)));
  for (; i < n; i++) d[i] = Op::run(splat<V>(a[i]), splat<V>(b[i]), splat<V>(c[i]))[0];
}

// F: a function of doubles (or of T).
template <class T, auto F> NOINLINE void call_loop1(T* d, const T* a, const T*, const T*, i64 n) {
  for (i64 i = 0; i < n; i++) d[i] = T(F(a[i]));
}
template <class T, auto F> NOINLINE void call_loop2(T* d, const T* a, const T* b, const T*, i64 n) {
  for (i64 i = 0; i < n; i++) d[i] = T(F(a[i], b[i]));
}
template <class T, auto F> NOINLINE void call_loop3(T* d, const T* a, const T* b, const T* c, i64 n) {
  for (i64 i = 0; i < n; i++) d[i] = T(F(a[i], b[i], c[i]));
}

}  // namespace fathom
