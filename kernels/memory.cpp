// memcpy, memmove and memset for freestanding builds: the compiler calls them by name.
#include "core.h"

#if defined(__wasm__)
// With bulk memory these builtins become one instruction each.
extern "C" {
NOINLINE void* memcpy(void* to, const void* from, fathom::usize n) {
  __asm__ volatile("local.get %0\n local.get %1\n local.get %2\n memory.copy 0, 0" : : "r"(to), "r"(from), "r"(n) : "memory");
  return to;
}
NOINLINE void* memmove(void* to, const void* from, fathom::usize n) {
  __asm__ volatile("local.get %0\n local.get %1\n local.get %2\n memory.copy 0, 0" : : "r"(to), "r"(from), "r"(n) : "memory");
  return to;
}
NOINLINE void* memset(void* to, int byte, fathom::usize n) {
  __asm__ volatile("local.get %0\n local.get %1\n local.get %2\n memory.fill 0" : : "r"(to), "r"(byte), "r"(n) : "memory");
  return to;
}
}
#endif
