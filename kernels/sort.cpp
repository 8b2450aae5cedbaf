// SORT: stable sorting of contiguous rows with positions; NaN counts as the largest.
//
// Values become unsigned keys of the same order. A run of up to RUN elements is sorted in the thread's scratch memory; longer rows are runs
// merged through their positions, which ping-pong as 32-bit numbers between the two halves of the output's own index row.
#include "convert.h"
#include "ops.h"
#include "parallel.h"

namespace fathom {

namespace {

template <class T> struct KeyOf { using type = u32; };
template <> struct KeyOf<f64> { using type = u64; };
template <> struct KeyOf<i64> { using type = u64; };

template <class T> INLINE typename KeyOf<T>::type key_of(T x, bool descending) {
  using K = typename KeyOf<T>::type;
  constexpr K top = K(1) << (sizeof(K) * 8 - 1);
  K key;
  if constexpr (is_float<T>) {
    const K b = bit_cast<K>(x == T(0) ? T(0) : x);  // both zeros are equal
    key = x != x ? ~K(0) : b & top ? ~b : b | top;
  } else if constexpr (same_type<T, u8>) {
    key = x;
  } else {
    key = K(x) ^ top;
  }
  return descending ? ~key : key;
}

template <class K> struct Pair {
  K key;
  u32 index;
};
template <class K> constexpr i64 RUN = (SCRATCH_BYTES / 2) / i64(sizeof(Pair<K>));

template <class K> void insertion_sort(Pair<K>* p, i64 n) {
  for (i64 i = 1; i < n; i++) {
    const Pair<K> v = p[i];
    i64 j = i;
    for (; j > 0 && p[j - 1].key > v.key; j--) p[j] = p[j - 1];
    p[j] = v;
  }
}

// Both sorts return where the result lies: p or spare.
template <class K> NOINLINE Pair<K>* merge_sort(Pair<K>* p, Pair<K>* spare, i64 n) {
  constexpr i64 START = 16;
  for (i64 i = 0; i < n; i += START) insertion_sort(p + i, min_of(START, n - i));
  for (i64 width = START; width < n; width *= 2) {
    for (i64 i = 0; i < n; i += 2 * width) {
      i64 a = i, b = min_of(i + width, n);
      const i64 a_end = b, b_end = min_of(i + 2 * width, n);
      for (i64 k = i; k < b_end; k++) spare[k] = a < a_end && (b >= b_end || p[a].key <= p[b].key) ? p[a++] : p[b++];
    }
    Pair<K>* t = p;
    p = spare;
    spare = t;
  }
  return p;
}

// Least significant byte first; bytes that are the same everywhere are skipped.
template <class K> NOINLINE Pair<K>* radix_sort(Pair<K>* p, Pair<K>* spare, i64 n) {
  u32 count[sizeof(K)][256];
  for (u32 d = 0; d < sizeof(K); d++)
    for (i32 i = 0; i < 256; i++) count[d][i] = 0;
  for (i64 i = 0; i < n; i++)
    for (u32 d = 0; d < sizeof(K); d++) count[d][(p[i].key >> (8 * d)) & 255]++;
  for (u32 d = 0; d < sizeof(K); d++) {
    u32* c = count[d];
    if (c[(p[0].key >> (8 * d)) & 255] == u32(n)) continue;
    u32 at = 0;
    for (i32 i = 0; i < 256; i++) {
      const u32 k = c[i];
      c[i] = at;
      at += k;
    }
    for (i64 i = 0; i < n; i++) spare[c[(p[i].key >> (8 * d)) & 255]++] = p[i];
    Pair<K>* t = p;
    p = spare;
    spare = t;
  }
  return p;
}

// Sorts x[0, n), n <= RUN, whose first element has position `first`.
template <class T> Pair<typename KeyOf<T>::type>* sort_run(const T* x, i64 n, i64 first, bool descending) {
  using K = typename KeyOf<T>::type;
  Pair<K>* p = static_cast<Pair<K>*>(thread_scratch());
  for (i64 i = 0; i < n; i++) p[i] = {key_of(x[i], descending), u32(first + i)};
  Pair<K>* spare = p + RUN<K>;
  return n <= 1024 ? merge_sort(p, spare, n) : radix_sort(p, spare, n);
}

template <class T> NOINLINE void sort_short_row(const T* x, T* values, i64* indices, i64 n, bool descending) {
  const auto* p = sort_run(x, n, 0, descending);
  for (i64 i = 0; i < n; i++) indices[i] = p[i].index;
  if (values != x) {
    for (i64 i = 0; i < n; i++) values[i] = x[p[i].index];
    return;
  }
  // In place: the keys give the values back but for the kind of a NaN or zero, so values go through the free half of the scratch memory.
  u8* scratch = static_cast<u8*>(thread_scratch());
  const bool low = reinterpret_cast<const u8*>(p) == scratch;
  T* copy = reinterpret_cast<T*>(low ? scratch + SCRATCH_BYTES / 2 : scratch);
  for (i64 i = 0; i < n; i++) copy[i] = x[p[i].index];
  for (i64 i = 0; i < n; i++) values[i] = copy[i];
}

template <class T> NOINLINE void merge_positions(const T* x, const u32* from, u32* to, i64 begin, i64 middle, i64 end, bool descending) {
  i64 a = begin, b = middle, k = begin;
  if (a < middle && b < end) {
    auto ka = key_of(x[from[a]], descending), kb = key_of(x[from[b]], descending);
    for (;;) {
      if (ka <= kb) {
        to[k++] = from[a++];
        if (a == middle) break;
        ka = key_of(x[from[a]], descending);
      } else {
        to[k++] = from[b++];
        if (b == end) break;
        kb = key_of(x[from[b]], descending);
      }
    }
  }
  while (a < middle) to[k++] = from[a++];
  while (b < end) to[k++] = from[b++];
}

template <class T> NOINLINE void sort_long_row(const T* x, T* values, i64* indices, i64 n, bool descending) {
  using K = typename KeyOf<T>::type;
  if (values == x || n > i64(0xffffffffu)) return fail(BAD_INSTRUCTION, f64(n));
  u32* low = reinterpret_cast<u32*>(indices);
  u32 *from = low, *to = low + n;
  const i64 runs = ceil_div(n, RUN<K>);
  parallel_for(runs, 1, [=](i64 begin, i64 end) {
    for (i64 r = begin; r < end; r++) {
      const i64 first = r * RUN<K>, count = min_of(RUN<K>, n - first);
      const auto* p = sort_run(x + first, count, first, descending);
      for (i64 i = 0; i < count; i++) from[first + i] = p[i].index;
    }
  });
  for (i64 width = RUN<K>; width < n; width *= 2) {
    parallel_for(ceil_div(n, 2 * width), 1, [=](i64 begin, i64 end) {
      for (i64 m = begin; m < end; m++)
        merge_positions(x, from, to, 2 * m * width, min_of((2 * m + 1) * width, n), min_of(2 * (m + 1) * width, n), descending);
    });
    u32* t = from;
    from = to;
    to = t;
  }
  // Widen in place: from the lower half backwards, from the upper half forwards, no entry is overwritten before it is read.
  if (from == low) for (i64 i = n - 1; i >= 0; i--) write<i64>(indices + i, i64(read<u32>(from + i)));
  else for (i64 i = 0; i < n; i++) write<i64>(indices + i, i64(read<u32>(from + i)));
  for (i64 i = 0; i < n; i++) values[i] = x[indices[i]];
}

template <class T> void sort_typed(const double* w) {
  const i64 rows = integer(w[3]), n = integer(w[4]);
  const T* x = ptr<const T>(w[5]);
  T* values = ptr<T>(w[6]);
  i64* indices = ptr<i64>(w[7]);
  const bool descending = w[8] != 0;
  if (rows == 0 || n == 0) return;
  if (n > RUN<typename KeyOf<T>::type>) {
    for (i64 r = 0; r < rows; r++) sort_long_row(x + r * n, values + r * n, indices + r * n, n, descending);
    return;
  }
  parallel_for(rows, max_of(i64(1), 1024 / n), [=](i64 begin, i64 end) {
    for (i64 r = begin; r < end; r++) sort_short_row(x + r * n, values + r * n, indices + r * n, n, descending);
  });
}

}  // namespace

NOINLINE void op_sort(const double* w) {
  switch (i32(w[2])) {
    case F32: return sort_typed<f32>(w);
    case F64: return sort_typed<f64>(w);
    case I64: return sort_typed<i64>(w);
    case I32: return sort_typed<i32>(w);
    case U8:
    case BOOL: return sort_typed<u8>(w);
    default: return fail(BAD_INSTRUCTION, w[2]);
  }
}

}  // namespace fathom
