// The ground of every kernel: number types, dtype codes, access to instruction words, errors and memory helpers (freestanding).
#pragma once

#define NOINLINE __attribute__((noinline))
#define INLINE inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

namespace fathom {

using i8 = signed char;
using u8 = unsigned char;
using i16 = short;
using u16 = unsigned short;
using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;
using f32 = float;
using f64 = double;
using uptr = __UINTPTR_TYPE__;
using usize = __SIZE_TYPE__;

// dtype codes of the instruction set.
enum DType : i32 { F32 = 0, F64 = 1, I64 = 2, I32 = 3, U8 = 4, BOOL = 5, F16 = 6, BF16 = 7 };

// Compute types of EWISE and REDUCE.
enum Compute : i32 { CF32 = 0, CF64 = 1, CI64 = 2 };

INLINE constexpr i64 itemsize(i32 dtype) {
  return dtype == F32 || dtype == I32 ? 4 : dtype == F64 || dtype == I64 ? 8 : dtype == F16 || dtype == BF16 ? 2 : 1;
}

// The dtype code of a C++ type (bool and the 16-bit floats have none of their own).
template <class T> constexpr i32 dtype_of();
template <> inline constexpr i32 dtype_of<f32>() { return F32; }
template <> inline constexpr i32 dtype_of<f64>() { return F64; }
template <> inline constexpr i32 dtype_of<i64>() { return I64; }
template <> inline constexpr i32 dtype_of<i32>() { return I32; }
template <> inline constexpr i32 dtype_of<u8>() { return U8; }

template <class T> constexpr bool is_float = false;
template <> inline constexpr bool is_float<f32> = true;
template <> inline constexpr bool is_float<f64> = true;

template <class A, class B> constexpr bool same_type = false;
template <class A> constexpr bool same_type<A, A> = true;

// The only places where an address word becomes a pointer and a pointer an address. 0 is the null pointer. A WebAssembly device's memory is the
// address space; a native device's begins at `device_memory`.
#if defined(__wasm__)
template <class T = u8> INLINE T* ptr(double address) { return reinterpret_cast<T*>(static_cast<uptr>(address)); }
INLINE double address_of(const void* p) { return static_cast<double>(reinterpret_cast<uptr>(p)); }
#else
extern u8* device_memory;
template <class T = u8> INLINE T* ptr(double address) {
  return address == 0 ? nullptr : reinterpret_cast<T*>(device_memory + static_cast<i64>(address));
}
INLINE double address_of(const void* p) { return p == nullptr ? 0 : static_cast<double>(static_cast<const u8*>(p) - device_memory); }
#endif

// Functions that a host calls: exports of a WebAssembly module, members of the namespace in a native build.
#if defined(__wasm__)
#define EXPORT extern "C" __attribute__((visibility("default"), used))
#else
#define EXPORT
#endif

// A size, stride or flag word as an integer.
INLINE i64 integer(double word) { return static_cast<i64>(word); }

template <class T> INLINE T min_of(T a, T b) { return b < a ? b : a; }
template <class T> INLINE T max_of(T a, T b) { return a < b ? b : a; }
INLINE constexpr i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }
INLINE constexpr i64 round_up(i64 a, i64 b) { return (a + b - 1) / b * b; }

// Error codes that `execute` returns.
enum ErrorCode : i32 { OK = 0, INDEX_OUT_OF_RANGE = 1, UNKNOWN_OPCODE = 2, DIVISION_BY_ZERO = 3, BAD_INSTRUCTION = 4 };

// Records an error; may be called on any thread. The first of an `execute` call wins. The kernel returns normally (its output is then undefined)
// and `execute` stops after the instruction.
void fail(i32 code, double a = 0, double b = 0, double c = 0);
// 0, or the code recorded by `fail` in this `execute` call.
i32 failed();

// Opaque storage for a type's bits: reads and writes memory of any alignment.
template <class T> INLINE T read(const void* p) { T v; __builtin_memcpy(&v, p, sizeof v); return v; }
template <class T> INLINE void write(void* p, T v) { __builtin_memcpy(p, &v, sizeof v); }
template <class To, class From> INLINE To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From), "bit_cast needs equal sizes");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace fathom

// Freestanding builds bring their own; calls the compiler emits end here too. (kernels/memory.cpp)
extern "C" {
void* memcpy(void* to, const void* from, fathom::usize n);
void* memmove(void* to, const void* from, fathom::usize n);
void* memset(void* to, int byte, fathom::usize n);
}
