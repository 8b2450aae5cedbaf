#include "memory.h"

#include <sys/mman.h>

unsigned char* reserve_memory(size_t bytes, size_t& got) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_NORESERVE)
  flags |= MAP_NORESERVE;
#endif
  for (size_t n = bytes; n >= (size_t(256) << 20); n /= 2) {
    void* p = mmap(nullptr, n, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p == MAP_FAILED) continue;
#if defined(MADV_HUGEPAGE)
    madvise(p, n, MADV_HUGEPAGE);
#endif
    got = n;
    return static_cast<unsigned char*>(p);
  }
  got = 0;
  return nullptr;
}
