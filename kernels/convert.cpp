// Strided runs of any dtype to and from dense runs of a compute type.
#include "convert.h"

namespace fathom {

template <class T, i32 D> static NOINLINE void load_dtype(T* to, const u8* p, i64 step, i64 n) {
  if (step == itemsize(D)) {
    for (i64 i = 0; i < n; i++) to[i] = load_as<T>(p + i * itemsize(D), D);
  } else {
    for (i64 i = 0; i < n; i++, p += step) to[i] = load_as<T>(p, D);
  }
}

template <class T, i32 D> static NOINLINE void store_dtype(u8* p, i64 step, const T* from, i64 n) {
  if (step == itemsize(D)) {
    for (i64 i = 0; i < n; i++) store_as<T>(p + i * itemsize(D), D, from[i]);
  } else {
    for (i64 i = 0; i < n; i++, p += step) store_as<T>(p, D, from[i]);
  }
}

template <class T> void load_run(T* to, const u8* p, i32 dtype, i64 step, i64 n) {
  switch (dtype) {
    case F32: return load_dtype<T, F32>(to, p, step, n);
    case F64: return load_dtype<T, F64>(to, p, step, n);
    case I64: return load_dtype<T, I64>(to, p, step, n);
    case I32: return load_dtype<T, I32>(to, p, step, n);
    case F16: return load_dtype<T, F16>(to, p, step, n);
    case BF16: return load_dtype<T, BF16>(to, p, step, n);
    default: return load_dtype<T, U8>(to, p, step, n);
  }
}

template <class T> void store_run(u8* p, i32 dtype, i64 step, const T* from, i64 n) {
  switch (dtype) {
    case F32: return store_dtype<T, F32>(p, step, from, n);
    case F64: return store_dtype<T, F64>(p, step, from, n);
    case I64: return store_dtype<T, I64>(p, step, from, n);
    case I32: return store_dtype<T, I32>(p, step, from, n);
    case U8: return store_dtype<T, U8>(p, step, from, n);
    case BOOL: return store_dtype<T, BOOL>(p, step, from, n);
    case F16: return store_dtype<T, F16>(p, step, from, n);
    default: return store_dtype<T, BF16>(p, step, from, n);
  }
}

template void load_run<f32>(f32*, const u8*, i32, i64, i64);
template void load_run<f64>(f64*, const u8*, i32, i64, i64);
template void load_run<i64>(i64*, const u8*, i32, i64, i64);
template void store_run<f32>(u8*, i32, i64, const f32*, i64);
template void store_run<f64>(u8*, i32, i64, const f64*, i64);
template void store_run<i64>(u8*, i32, i64, const i64*, i64);

}  // namespace fathom
