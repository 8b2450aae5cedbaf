// Compiled once for each variant, with the namespace renamed: the functions of that variant as a table. FATHOM_VARIANT is its name.
#include "../kernels/core.h"
#include "../kernels/simd.h"
#include "kernels.h"

namespace fathom {

u8* device_memory = nullptr;

i32 execute(double address, double count);
double error_info(i32 k);
double conv_workspace(double address);
i32 pool_start(i32 threads);
i32 pool_ready();

static void set_memory(unsigned char* memory) { device_memory = memory; }

#define STRING(x) #x
#define NAME(x) STRING(x)
extern const KernelTable table;
const KernelTable table = {NAME(FATHOM_VARIANT), VBYTES, set_memory, execute, error_info, conv_workspace, pool_start, pool_ready};

}  // namespace fathom
