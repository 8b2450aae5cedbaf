// Row-major walks over strided operands, and what the scalar operations cost.
#include "program.h"

namespace fathom {

template <class T>
void gather_linear(T* to, const u8* p, i32 dtype, const i64* shape, const i64* strides, i32 ndim, Odometer at, i64 n) {
  const i32 inner = ndim - 1;
  const i64 row = shape[inner], step = strides[inner];
  i64 column = at.index[inner];
  while (n > 0) {
    const i64 length = min_of(row - column, n);
    const u8* from = p + at.offset(strides, inner) + column * step;
    if (dtype == dtype_of<T>()) {
      if (step == i64(sizeof(T))) for (i64 i = 0; i < length; i++) to[i] = read<T>(from + i * sizeof(T));
      else if (step == 0) { const T v = read<T>(from); for (i64 i = 0; i < length; i++) to[i] = v; }
      else for (i64 i = 0; i < length; i++) to[i] = read<T>(from + i * step);
    } else {
      load_run(to, from, dtype, step, length);
    }
    to += length;
    n -= length;
    column = 0;
    at.next(shape, inner);
  }
}

template <class T>
void scatter_linear(u8* p, i32 dtype, const i64* shape, const i64* strides, i32 ndim, Odometer at, const T* from, i64 n) {
  const i32 inner = ndim - 1;
  const i64 row = shape[inner], step = strides[inner];
  i64 column = at.index[inner];
  while (n > 0) {
    const i64 length = min_of(row - column, n);
    store_run(p + at.offset(strides, inner) + column * step, dtype, step, from, length);
    from += length;
    n -= length;
    column = 0;
    at.next(shape, inner);
  }
}

#define INSTANTIATE(T)                                                                                       \
  template void gather_linear<T>(T*, const u8*, i32, const i64*, const i64*, i32, Odometer, i64);            \
  template void scatter_linear<T>(u8*, i32, const i64*, const i64*, i32, Odometer, const T*, i64);
INSTANTIATE(f32)
INSTANTIATE(f64)
INSTANTIATE(i64)

i32 step_cost(i32 op) {
  switch (op) {
    case S_exp: case S_log: case S_tanh: case S_sigmoid: case S_erf: case S_softplus: case S_logSigmoid: case S_exp2: case S_log1p: case S_expm1:
      return 8;
    case S_sqrt: case S_rsqrt: case S_div: case S_reciprocal:
      return 2;
    default:
      break;
  }
  if ((op >= S_exp && op <= S_atanh) || op == S_sinc || (op >= S_floorDiv && op <= S_atan2) || (op >= S_hypot && op <= S_xlogy)) return 32;
  if ((op >= S_erfc && op <= S_besselK1) || (op >= S_gcd && op <= S_polygamma)) return 100;
  return 1;
}

}  // namespace fathom
