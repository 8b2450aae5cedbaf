// The thread pool: chunks are claimed from one counter, so workers may arrive late or never.
//
// A job is open while `gate` is odd. A worker that sees an odd gate enters (`inside` + 1), looks at the gate again, claims chunks, and leaves.
// The caller claims chunks as well; when none is left it closes the gate and waits until nobody is inside. All accesses are sequentially
// consistent: either the caller sees a worker inside and waits for it, or that worker sees the gate closed and touches nothing.
#include "threads.h"

#include "simd.h"

namespace fathom {

#if !defined(__wasm__) || defined(__wasm_atomics__)

static thread_local i32 self = 0;
static bool busy = false;  // the caller is inside a job

struct alignas(64) Line {
  i32 value;
};
static Line gate, next_chunk, inside, sleepers, ready, active;

struct Job {
  void (*body)(void* context, i64 chunk);
  void* context;
  i64 chunks;
};
static Job job;

static INLINE i32 get(Line& line) { return __atomic_load_n(&line.value, __ATOMIC_SEQ_CST); }
static INLINE void set(Line& line, i32 value) { __atomic_store_n(&line.value, value, __ATOMIC_SEQ_CST); }
static INLINE i32 add(Line& line, i32 value) { return __atomic_fetch_add(&line.value, value, __ATOMIC_SEQ_CST); }

i64 thread_index() { return self; }
void use_threads(i32 n) { set(active, n); }
i32 workers_ready() { return get(ready); }

// Out of line, so that the endless loop of a worker stays tiny: a WebAssembly engine never re-optimises a function while it runs.
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

// A processor's pause takes some tens of cycles; WebAssembly has none.
#if defined(__wasm__)
constexpr i32 SPINS = 40000;
#else
constexpr i32 SPINS = 4000;
#endif

// Spins for some tens of microseconds for the gate to move on from `seen`, then sleeps on it.
static NOINLINE i32 wait_for_gate(i32 seen) {
  for (i32 spin = 0; spin < SPINS; spin++) {
    const i32 now = get(gate);
    if (now != seen) return now;
    spin_hint();
  }
  add(sleepers, 1);
  sleep_on(&gate.value, seen);
  add(sleepers, -1);
  return get(gate);
}

NOINLINE void worker_loop(i32 index) {
  self = index;
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
  job = Job{body, context, chunks};
  set(next_chunk, 0);
  add(gate, 1);
  if (get(sleepers) > 0) wake_all(&gate.value);
  claim_chunks();
  add(gate, 1);
  for (i32 spin = 1; get(inside) != 0; spin++) {
    spin_hint();
    if (spin % 1024 == 0) give_way();  // a worker may have lost its processor
  }
  busy = false;
}

#else

i64 thread_index() { return 0; }

void parallel_run(i64 chunks, void (*body)(void* context, i64 chunk), void* context) {
  for (i64 i = 0; i < chunks; i++) body(context, i);
}

#endif

}  // namespace fathom
