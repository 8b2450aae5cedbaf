// The thread pool on WebAssembly threads: chunks are claimed from one counter, so workers may arrive late or never.
//
// A job is open while `gate` is odd. A worker that sees an odd gate enters (`inside` + 1), looks at the gate again, claims chunks, and leaves.
// The caller claims chunks as well; when none is left it closes the gate and waits until nobody is inside. All accesses are sequentially
// consistent: either the caller sees a worker inside and waits for it, or that worker sees the gate closed and touches nothing.
#include "parallel.h"
#include "simd.h"

namespace fathom {

#if defined(__wasm__)

extern "C" u8 __heap_base;

// Stacks and scratch memory lie behind the static data, untouched (so not resident) until used.
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

static thread_local i32 self = 0;

i64 thread_index() { return self; }
void* thread_scratch() { return thread_memory(self); }
void* shared_scratch() { return thread_memory(MOST_THREADS); }

#if defined(__wasm_atomics__)

static bool busy = false;  // the caller is inside a job

struct alignas(64) Line {
  i32 value;
};
static Line gate, next_chunk, inside, sleepers, ready, active;

struct Job {
  void (*body)(void* context, i64 chunk);
  void* context;
  i32 chunks;
};
static Job job;

static INLINE i32 get(Line& line) { return __atomic_load_n(&line.value, __ATOMIC_SEQ_CST); }
static INLINE void set(Line& line, i32 value) { __atomic_store_n(&line.value, value, __ATOMIC_SEQ_CST); }
static INLINE i32 add(Line& line, i32 value) { return __atomic_fetch_add(&line.value, value, __ATOMIC_SEQ_CST); }

// Out of line, so that the endless loop of a worker stays tiny: an engine never re-optimises a function while it runs.
static NOINLINE void claim_chunks() {
  const Job j = job;
  for (;;) {
    const i32 chunk = add(next_chunk, 1);
    if (chunk >= j.chunks) return;
    j.body(j.context, chunk);
  }
}

static NOINLINE void take_part(i32 seen) {
  add(inside, 1);
  if (get(gate) == seen) claim_chunks();
  add(inside, -1);
}

// Spins for some tens of microseconds for the gate to move on from `seen`, then sleeps on it.
static NOINLINE i32 wait_for_gate(i32 seen) {
  for (i32 spin = 0; spin < 40000; spin++) {
    const i32 now = get(gate);
    if (now != seen) return now;
  }
  add(sleepers, 1);
  __builtin_wasm_memory_atomic_wait32(&gate.value, seen, -1);
  add(sleepers, -1);
  return get(gate);
}

static NOINLINE void worker_loop() {
  add(ready, 1);
  i32 seen = 0;
  for (;;) {
    seen = wait_for_gate(seen);
    if ((seen & 1) && self < get(active)) take_part(seen);
  }
}

void parallel_run(i64 chunks, void (*body)(void* context, i64 chunk), void* context) {
  if (chunks <= 1 || busy || self != 0 || get(active) <= 1 || get(ready) == 0) {
    for (i64 i = 0; i < chunks; i++) body(context, i);
    return;
  }
  busy = true;
  job = Job{body, context, static_cast<i32>(chunks)};
  set(next_chunk, 0);
  add(gate, 1);
  if (get(sleepers) > 0) __builtin_wasm_memory_atomic_notify(&gate.value, ~0u);
  claim_chunks();
  add(gate, 1);
  while (get(inside) != 0) spin_hint();
  busy = false;
}

#else

void parallel_run(i64 chunks, void (*body)(void* context, i64 chunk), void* context) {
  for (i64 i = 0; i < chunks; i++) body(context, i);
}

#endif
#endif  // __wasm__

}  // namespace fathom

#if defined(__wasm__)
using namespace fathom;

// First address that belongs to the program's heap.
EXPORT double heap_base() { return static_cast<double>(reinterpret_cast<uptr>(thread_memory(MOST_THREADS)) + SHARED_SCRATCH_BYTES); }

#if defined(__wasm_atomics__)

// Sets the number of threads to use, caller included; the number in force comes back.
EXPORT i32 pool_start(i32 n) {
  n = max_of(1, min_of(n, MOST_THREADS));
  set(active, n);
  return n;
}

EXPORT i32 pool_ready() { return get(ready); }

extern "C" void __wasm_init_tls(void* memory);
static char tls_memory[MAX_THREADS][64];

// The stack's top address of worker `index`; the host passes it back to worker_main.
EXPORT i32 worker_stack(i32 index) { return static_cast<i32>(reinterpret_cast<uptr>(thread_memory(index) + THREAD_BYTES)); }

// Never returns. Needs no stack frame itself: it first moves the stack pointer of this instance to the worker's own stack.
EXPORT void worker_main(i32 index, i32 stack_top) {
  __asm__ volatile(".globaltype __stack_pointer, i32\n local.get %0\n global.set __stack_pointer" : : "r"(stack_top));
  __wasm_init_tls(tls_memory[index]);
  self = index;
  worker_loop();
}

#endif
#endif
