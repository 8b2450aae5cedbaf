// Copies between layouts without a change of dtype.
#pragma once
#include "core.h"

namespace fathom {

// Copies elements of `size` bytes (1, 2, 4 or 8) from one strided layout to another; strides in bytes, shape not empty.
void copy_strided(u8* to, const i64* to_strides, const u8* from, const i64* from_strides, const i64* shape, i32 ndim, i64 size);

}  // namespace fathom
