// The names of PyTorch's that files of weights use: storages by dtype.

import type { DType } from '../tensor/dtype.ts';

/** How the elements of a storage lie in the file, and what they become. */
export interface StorageType {
  /** Bytes of an element in the file. */
  size: number;
  dtype: DType;
  /** For element types that have no dtype here: the signed element, which widens to int32. */
  narrow?: 'int8' | 'int16';
}

/** Storage classes by their name in Python. */
export const storageTypes: Readonly<Record<string, StorageType>> = {
  'torch.FloatStorage': { size: 4, dtype: 'float32' },
  'torch.DoubleStorage': { size: 8, dtype: 'float64' },
  'torch.HalfStorage': { size: 2, dtype: 'float16' },
  'torch.BFloat16Storage': { size: 2, dtype: 'bfloat16' },
  'torch.LongStorage': { size: 8, dtype: 'int64' },
  'torch.IntStorage': { size: 4, dtype: 'int32' },
  'torch.ShortStorage': { size: 2, dtype: 'int32', narrow: 'int16' },
  'torch.CharStorage': { size: 1, dtype: 'int32', narrow: 'int8' },
  'torch.ByteStorage': { size: 1, dtype: 'uint8' },
  'torch.BoolStorage': { size: 1, dtype: 'bool' },
};

/** The storage class that is written for a dtype. */
export const storageNameOf: Readonly<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

/** Names of dtypes, which stand for themselves. */
export const dtypeNames: ReadonlySet<string> = new Set(
  ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'].map((n) => `torch.${n}`),
);
