// The pool of threads: what the host of the kernels gives it (kernels/threads_wasm.cpp, native/threads.cpp), and what it gives the host.
#pragma once
#include "parallel.h"

namespace fathom {

// Sleeps while *place is `seen`; may return early. Wakes all who sleep on it.
void sleep_on(i32* place, i32 seen);
void wake_all(i32* place);
// Lets other threads of the processor run, where there is such a thing.
void give_way();

// What worker `index` (from 1) runs on a thread of its own; never returns.
void worker_loop(i32 index);
// Sets the number of threads that take part, caller included.
void use_threads(i32 n);
// Workers that have started.
i32 workers_ready();

}  // namespace fathom
