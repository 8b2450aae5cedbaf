// Copies between layouts: dense ones as bytes, rows as rows, transposes in tiles that fit the first-level cache.
#include "copy.h"
#include "parallel.h"
#include "program.h"

namespace fathom {

constexpr i64 CHUNK_BYTES = 128 << 10;
constexpr i64 TILE = 32;

// out[i, j] = in[i, j] for one tile; `in` is dense along i, `out` along j.
template <class E> static NOINLINE void transpose_tile(u8* to, i64 to_row, const u8* from, i64 from_column, i64 rows, i64 columns) {
  i64 i = 0;
  if constexpr (sizeof(E) == 4) {
    using V = Vec<E, 4>;
    for (; i + 4 <= rows; i += 4) {
      i64 j = 0;
      for (; j + 4 <= columns; j += 4) {
        const u8* p = from + i * 4 + j * from_column;
        const V a = load<V>(p), b = load<V>(p + from_column), c = load<V>(p + 2 * from_column), d = load<V>(p + 3 * from_column);
        const V ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const V cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        u8* q = to + i * to_row + j * 4;
        store(q, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
        store(q + to_row, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
        store(q + 2 * to_row, __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5));
        store(q + 3 * to_row, __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7));
      }
      for (; j < columns; j++)
        for (i64 k = i; k < i + 4; k++) write<E>(to + k * to_row + j * 4, read<E>(from + k * 4 + j * from_column));
    }
  }
  for (; i < rows; i++)
    for (i64 j = 0; j < columns; j++)
      write<E>(to + i * to_row + j * i64(sizeof(E)), read<E>(from + i * i64(sizeof(E)) + j * from_column));
}

template <class E> static NOINLINE void copy_row(u8* to, i64 to_step, const u8* from, i64 from_step, i64 n) {
  constexpr i64 size = sizeof(E);
  if (to_step == size && from_step == size) {
    if (n * size >= 512) {
      memcpy(to, from, static_cast<usize>(n * size));
      return;
    }
    for (i64 i = 0; i < n; i++) write<E>(to + i * size, read<E>(from + i * size));
  } else if (to_step == size && from_step == 0) {
    const E v = read<E>(from);
    for (i64 i = 0; i < n; i++) write<E>(to + i * size, v);
  } else if (to_step == size) {
    for (i64 i = 0; i < n; i++) write<E>(to + i * size, read<E>(from + i * from_step));
  } else {
    for (i64 i = 0; i < n; i++) write<E>(to + i * to_step, read<E>(from + i * from_step));
  }
}

template <class E>
static void copy_sized(u8* to, const i64* to_strides, const u8* from, const i64* from_strides, const i64* shape, i32 ndim) {
  constexpr i64 size = sizeof(E);
  i64 numel = 1;
  bool dense = true;
  for (i32 d = ndim - 1; d >= 0; d--) {
    if (shape[d] != 1 && (to_strides[d] != numel * size || from_strides[d] != numel * size)) dense = false;
    numel *= shape[d];
  }
  if (dense) {
    if (numel * size <= 256) return copy_row<E>(to, size, from, size, numel);
    parallel_for(numel * size, CHUNK_BYTES, [=](i64 begin, i64 end) { memcpy(to + begin, from + begin, static_cast<usize>(end - begin)); });
    return;
  }
  const i32 inner = ndim - 1;
  // The dim along which the source is dense, when it is not the innermost.
  i32 other = -1;
  if (to_strides[inner] == size && from_strides[inner] != size && from_strides[inner] != 0 && shape[inner] >= 4)
    for (i32 d = 0; d < inner; d++)
      if (from_strides[d] == size && shape[d] >= 4) other = d;

  if (other >= 0) {
    // Index space of the tiles: the remaining dims, then bands of TILE rows along `other`.
    i64 outer_shape[MAX_DIMS], outer_to[MAX_DIMS], outer_from[MAX_DIMS], outer = 1;
    i32 n = 0;
    for (i32 d = 0; d < inner; d++) {
      if (d == other) continue;
      outer_shape[n] = shape[d];
      outer_to[n] = to_strides[d];
      outer_from[n++] = from_strides[d];
      outer *= shape[d];
    }
    const i64 rows = shape[other], columns = shape[inner], bands = ceil_div(rows, TILE);
    const i64 to_row = to_strides[other], from_column = from_strides[inner];
    const i64 grain = max_of(i64(1), CHUNK_BYTES / size / (min_of(rows, TILE) * columns));
    parallel_for(outer * bands, grain, [&](i64 begin, i64 end) {
      Odometer at;
      at.set(begin / bands, outer_shape, n);
      i64 band = begin % bands;
      for (i64 unit = begin; unit < end; unit++) {
        const i64 i = band * TILE, height = min_of(TILE, rows - i);
        u8* t = to + at.offset(outer_to, n) + i * to_row;
        const u8* f = from + at.offset(outer_from, n) + i * size;
        for (i64 j = 0; j < columns; j += TILE)
          transpose_tile<E>(t + j * size, to_row, f + j * from_column, from_column, height, min_of(TILE, columns - j));
        if (++band == bands) {
          band = 0;
          at.next(outer_shape, n);
        }
      }
    });
    return;
  }

  // Rows; a long row is cut as well.
  const i64 row = shape[inner], rows = numel / max_of(row, i64(1));
  const i64 piece = min_of(row, CHUNK_BYTES / size), pieces = ceil_div(row, piece);
  parallel_for(rows * pieces, max_of(i64(1), CHUNK_BYTES / size / piece), [&](i64 begin, i64 end) {
    Odometer at;
    at.set(begin / pieces, shape, inner);
    i64 k = begin % pieces;
    for (i64 unit = begin; unit < end; unit++) {
      const i64 j = k * piece;
      copy_row<E>(to + at.offset(to_strides, inner) + j * to_strides[inner], to_strides[inner],
                  from + at.offset(from_strides, inner) + j * from_strides[inner], from_strides[inner], min_of(piece, row - j));
      if (++k == pieces) {
        k = 0;
        at.next(shape, inner);
      }
    }
  });
}

void copy_strided(u8* to, const i64* to_strides, const u8* from, const i64* from_strides, const i64* shape, i32 ndim, i64 size) {
  if (to == from) {
    bool same = true;
    for (i32 d = 0; d < ndim; d++) same &= to_strides[d] == from_strides[d];
    if (same) return;
  }
  switch (size) {
    case 1: return copy_sized<u8>(to, to_strides, from, from_strides, shape, ndim);
    case 2: return copy_sized<u16>(to, to_strides, from, from_strides, shape, ndim);
    case 4: return copy_sized<i32>(to, to_strides, from, from_strides, shape, ndim);
    default: return copy_sized<i64>(to, to_strides, from, from_strides, shape, ndim);
  }
}

}  // namespace fathom
