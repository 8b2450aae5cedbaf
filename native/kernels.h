// What the binding sees of the kernels: one table of functions for each variant of the processor's instructions.
#pragma once

struct KernelTable {
  const char* name;
  // Tells the kernels where the device's memory begins; addresses in instructions count from there.
  void (*set_memory)(unsigned char* memory);
  int (*execute)(double address, double count);
  double (*error_info)(int k);
  double (*conv_workspace)(double address);
  // Sets the number of threads to use, caller included, and starts those that are missing; the number in force comes back.
  int (*pool_start)(int threads);
  // Workers that have started.
  int (*pool_ready)();
};

// The table that build-native.mjs generates from the variants it compiled, best one first; `runs` asks the processor.
struct KernelVariant {
  const KernelTable* table;
  bool (*runs)();
};
extern const KernelVariant kernel_variants[];
extern const int kernel_variant_count;
