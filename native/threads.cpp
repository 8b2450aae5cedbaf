// The thread pool of a native device: chunks are claimed from one counter, so workers may arrive late or never. The protocol is that of
// kernels/threads.cpp: a job is open while `gate` is odd; a worker that sees an odd gate enters, looks at the gate again, claims chunks and leaves;
// the caller claims chunks too, then closes the gate and waits until nobody is inside.
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "../kernels/parallel.h"
#include "../kernels/simd.h"

namespace fathom {

namespace {

struct alignas(64) Line {
  std::atomic<i32> value{0};
};
Line gate, next_chunk, inside, sleepers, ready, active;
i32 started = 0;    // workers that were started, by the caller's thread only
bool busy = false;  // the caller is inside a job

struct Job {
  void (*body)(void* context, i64 chunk);
  void* context;
  i64 chunks;
};
Job job;

thread_local i32 self = 0;
thread_local void* scratch = nullptr;

void* aligned(usize bytes) {
  void* memory = ::operator new(bytes, std::align_val_t(64), std::nothrow);
  if (memory == nullptr) std::abort();  // a megabyte a thread, once
  return memory;
}

NOINLINE void claim_chunks() {
  const Job j = job;
  for (;;) {
    const i32 chunk = next_chunk.value.fetch_add(1);
    if (chunk >= j.chunks) return;
    j.body(j.context, chunk);
  }
}

NOINLINE void take_part(i32 seen) {
  inside.value.fetch_add(1);
  if (gate.value.load() == seen) claim_chunks();
  inside.value.fetch_sub(1);
}

// Spins for some tens of microseconds for the gate to move on from `seen`, then sleeps on it.
NOINLINE i32 wait_for_gate(i32 seen) {
  for (i32 spin = 0; spin < 4000; spin++) {
    const i32 now = gate.value.load(std::memory_order_acquire);
    if (now != seen) return now;
    spin_hint();
  }
  sleepers.value.fetch_add(1);
  gate.value.wait(seen);
  sleepers.value.fetch_sub(1);
  return gate.value.load();
}

void worker_loop(i32 index) {
  self = index;
  ready.value.fetch_add(1);
  i32 seen = 0;
  for (;;) {
    seen = wait_for_gate(seen);
    if ((seen & 1) && self < active.value.load()) take_part(seen);
  }
}

}  // namespace

i64 thread_index() { return self; }

void* thread_scratch() {
  if (UNLIKELY(scratch == nullptr)) scratch = aligned(SCRATCH_BYTES);
  return scratch;
}

void* shared_scratch() {
  static void* memory = aligned(SHARED_SCRATCH_BYTES);
  return memory;
}

void parallel_run(i64 chunks, void (*body)(void* context, i64 chunk), void* context) {
  if (chunks <= 1 || busy || self != 0 || active.value.load(std::memory_order_relaxed) <= 1 || ready.value.load(std::memory_order_relaxed) == 0) {
    for (i64 i = 0; i < chunks; i++) body(context, i);
    return;
  }
  busy = true;
  job = Job{body, context, chunks};
  next_chunk.value.store(0);
  gate.value.fetch_add(1);
  if (sleepers.value.load() > 0) gate.value.notify_all();
  claim_chunks();
  gate.value.fetch_add(1);
  for (i32 spin = 1; inside.value.load() != 0; spin++) {
    if (spin % 1024 == 0) std::this_thread::yield();
    else spin_hint();
  }
  busy = false;
}

i32 pool_start(i32 threads);
i32 pool_start(i32 threads) {
  const i32 wanted = max_of(1, min_of(threads, MAX_THREADS));
  while (started < wanted - 1) {
    try {
      std::thread(worker_loop, started + 1).detach();
      started++;
    } catch (...) {  // no more threads to be had: a smaller pool
      active.value.store(started + 1);
      return started + 1;
    }
  }
  active.value.store(wanted);
  return wanted;
}

i32 pool_ready();
i32 pool_ready() { return ready.value.load(); }

}  // namespace fathom
