// What a native host gives the pool of threads (kernels/threads.cpp): threads of the standard library, and scratch memory.
#include "../kernels/threads.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "device.h"

namespace fathom {

void sleep_on(i32* place, i32 seen) { std::atomic_ref<i32>(*place).wait(seen); }
void wake_all(i32* place) { std::atomic_ref<i32>(*place).notify_all(); }
void give_way() { std::this_thread::yield(); }

static void* aligned(usize bytes) {
  void* memory = ::operator new(bytes, std::align_val_t(64), std::nothrow);
  if (memory == nullptr) std::abort();  // a megabyte a thread, once
  return memory;
}

void* thread_scratch() {
  static thread_local void* memory = nullptr;
  if (UNLIKELY(memory == nullptr)) memory = aligned(SCRATCH_BYTES);
  return memory;
}

void* shared_scratch() {
  static void* memory = aligned(SHARED_SCRATCH_BYTES);
  return memory;
}

i32 pool_start(i32 threads) {
  static i32 started = 0;  // workers; only the caller's thread comes here
  const i32 wanted = max_of(1, min_of(threads, MAX_THREADS));
  i32 used = wanted;
  while (started < wanted - 1) {
    try {
      std::thread(worker_loop, started + 1).detach();
      started++;
    } catch (...) {  // no more threads to be had: a smaller pool
      used = started + 1;
      break;
    }
  }
  use_threads(used);
  return used;
}

i32 pool_ready() { return workers_ready(); }

}  // namespace fathom
