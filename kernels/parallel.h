// Fork and join over the thread pool. Work is cut by size alone, so results never depend on the number of threads.
#pragma once
#include "core.h"

namespace fathom {

constexpr i32 MAX_THREADS = 16;
constexpr i64 SCRATCH_BYTES = 1 << 20;
constexpr i64 MAX_CHUNKS = 256;

// 0 on the caller of `execute`, 1 … MAX_THREADS - 1 on workers.
i64 thread_index();
// SCRATCH_BYTES of 64-byte aligned memory that belong to this thread until the kernel returns; contents undefined.
void* thread_scratch();

// SHARED_SCRATCH_BYTES for the partial results of a kernel's chunks; belongs to the running kernel, written and read by all threads.
constexpr i64 SHARED_SCRATCH_BYTES = 4 << 20;
void* shared_scratch();

// Calls body(context, i) once for every i in [0, chunks), on any thread in any order, and returns when all are done.
// Inside a chunk a nested call runs serially on the same thread.
void parallel_run(i64 chunks, void (*body)(void* context, i64 chunk), void* context);

// How parallel_for cuts n: into about n / grain chunks of equal size, at most MAX_CHUNKS of them. Sizes are multiples of the largest power of two
// that divides `grain`, so that a caller who needs chunks to begin at certain multiples asks for them by its grain.
INLINE i64 chunk_size(i64 n, i64 grain) {
  grain = max_of(grain, i64(1));
  const i64 chunks = max_of(i64(1), min_of(ceil_div(n, grain), MAX_CHUNKS));
  return round_up(ceil_div(n, chunks), grain & -grain);
}
INLINE i64 chunk_count(i64 n, i64 grain) { return n <= 0 ? 0 : ceil_div(n, chunk_size(n, grain)); }

// f(begin, end) over ranges that cover [0, n); one call on this thread when n <= grain.
template <class F> INLINE void parallel_for(i64 n, i64 grain, F f) {
  if (n <= 0) return;
  if (n <= grain) {
    f(i64(0), n);
    return;
  }
  struct Job {
    F* f;
    i64 n, size;
  } job{&f, n, chunk_size(n, grain)};
  parallel_run(ceil_div(n, job.size), [](void* context, i64 chunk) {
    Job* j = static_cast<Job*>(context);
    i64 begin = chunk * j->size;
    (*j->f)(begin, min_of(begin + j->size, j->n));
  }, &job);
}

}  // namespace fathom
