// Compiled once for each variant, with the namespace renamed: the functions of that variant as a table. FATHOM_VARIANT is its name.
#include "device.h"
#include "kernels.h"

namespace fathom {

u8* device_memory = nullptr;

static void set_memory(unsigned char* memory) { device_memory = memory; }

#define STRING(x) #x
#define NAME(x) STRING(x)
extern const KernelTable table;
const KernelTable table = {NAME(FATHOM_VARIANT), set_memory, execute, error_info, conv_workspace, pool_start, pool_ready};

}  // namespace fathom
