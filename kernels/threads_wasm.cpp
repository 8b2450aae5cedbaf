// What a WebAssembly host gives the pool of threads: stacks and scratch memory behind the static data, and the entry of a worker.
#include "threads.h"

#if defined(__wasm__)

namespace fathom {

extern "C" u8 __heap_base;

// Untouched, so not resident, until used.
constexpr i64 STACK_BYTES = 256 << 10;
constexpr i64 THREAD_BYTES = SCRATCH_BYTES + STACK_BYTES;

static u8* thread_memory(i64 index) {
  return reinterpret_cast<u8*>(round_up(reinterpret_cast<uptr>(&__heap_base), 64) + index * THREAD_BYTES);
}

#if defined(__wasm_atomics__)
constexpr i32 MOST_THREADS = MAX_THREADS;
#else
constexpr i32 MOST_THREADS = 1;
#endif

void* thread_scratch() { return thread_memory(thread_index()); }
void* shared_scratch() { return thread_memory(MOST_THREADS); }

// First address that belongs to the program's heap.
EXPORT double heap_base() { return static_cast<double>(reinterpret_cast<uptr>(thread_memory(MOST_THREADS)) + SHARED_SCRATCH_BYTES); }

#if defined(__wasm_atomics__)

void sleep_on(i32* place, i32 seen) { __builtin_wasm_memory_atomic_wait32(place, seen, -1); }
void wake_all(i32* place) { __builtin_wasm_memory_atomic_notify(place, ~0u); }
void give_way() {}

// Sets the number of threads to use, caller included; the number in force comes back.
EXPORT i32 pool_start(i32 n) {
  n = max_of(1, min_of(n, MOST_THREADS));
  use_threads(n);
  return n;
}

EXPORT i32 pool_ready() { return workers_ready(); }

extern "C" void __wasm_init_tls(void* memory);
static char tls_memory[MAX_THREADS][64];

// The stack's top address of worker `index`; the host passes it back to worker_main.
EXPORT i32 worker_stack(i32 index) { return static_cast<i32>(reinterpret_cast<uptr>(thread_memory(index) + THREAD_BYTES)); }

// Never returns. Needs no stack frame itself: it first moves the stack pointer of this instance to the worker's own stack.
EXPORT void worker_main(i32 index, i32 stack_top) {
  __asm__ volatile(".globaltype __stack_pointer, i32\n local.get %0\n global.set __stack_pointer" : : "r"(stack_top));
  __wasm_init_tls(tls_memory[index]);
  worker_loop(index);
}

#endif

}  // namespace fathom

#endif
