// The memory of a native device: address space reserved once, filled with pages as they are touched.
#pragma once
#include <cstddef>

// Reserves up to `bytes`, halving until the system agrees (at least 256 MiB); null when it never does. `got` is what it agreed to.
unsigned char* reserve_memory(size_t bytes, size_t& got);
