// Functions of a native device that the kernels' sources and native/ define, for the table of a variant.
#pragma once
#include "../kernels/core.h"

namespace fathom {

i32 execute(double address, double count);
double error_info(i32 k);
double conv_workspace(double address);
i32 pool_start(i32 threads);
i32 pool_ready();

}  // namespace fathom
