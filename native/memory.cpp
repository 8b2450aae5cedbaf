#include "memory.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <sys/mman.h>
#endif

unsigned char* reserve_memory(size_t bytes, size_t& got) {
  for (size_t n = bytes; n >= (size_t(256) << 20); n /= 2) {
#if defined(_WIN32)
    // Committing charges the page file at once, so ask for no more than it has.
    void* p = VirtualAlloc(nullptr, n, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (p == nullptr) continue;
#else
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_NORESERVE)
    flags |= MAP_NORESERVE;
#endif
    void* p = mmap(nullptr, n, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p == MAP_FAILED) continue;
#if defined(MADV_HUGEPAGE)
    madvise(p, n, MADV_HUGEPAGE);
#endif
#endif
    got = n;
    return static_cast<unsigned char*>(p);
  }
  got = 0;
  return nullptr;
}

void discard_memory(unsigned char* from, size_t bytes) {
#if defined(_WIN32)
  DiscardVirtualMemory(from, bytes);
#elif defined(__linux__)
  madvise(from, bytes, MADV_DONTNEED);
#else
  madvise(from, bytes, MADV_FREE);
#endif
}
