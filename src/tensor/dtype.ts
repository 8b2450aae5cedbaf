// Element types: codes shared with the kernels, sizes, typed arrays and PyTorch's promotion rules.

import { DTypeError } from '../runtime/errors.ts';

/** Names of the element types. float16 and bfloat16 are storage formats: cast before computing. */
export type DType = 'float32' | 'float64' | 'int64' | 'int32' | 'uint8' | 'bool' | 'float16' | 'bfloat16';

/** The typed arrays that hold elements on the JavaScript side. */
export type TypedArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array;

/** Codes of the instruction set (docs/instruction-set.md). */
export const dtypeCode: Record<DType, number> = { float32: 0, float64: 1, int64: 2, int32: 3, uint8: 4, bool: 5, float16: 6, bfloat16: 7 };

/** Bytes of one element. */
export const dtypeSize: Record<DType, number> = { float32: 4, float64: 8, int64: 8, int32: 4, uint8: 1, bool: 1, float16: 2, bfloat16: 2 };

/** Compute type of a scalar program: 0 float32, 1 float64, 2 int64. */
export type ComputeType = 0 | 1 | 2;
export const computeTypeOf: Record<DType, ComputeType> = {
  float32: 0,
  float64: 1,
  int64: 2,
  int32: 2,
  uint8: 2,
  bool: 2,
  float16: 0,
  bfloat16: 0,
};

export const isFloating = (d: DType): boolean => d === 'float32' || d === 'float64' || d === 'float16' || d === 'bfloat16';
export const isIntegral = (d: DType): boolean => d === 'int64' || d === 'int32' || d === 'uint8';

export const allDTypes = Object.keys(dtypeCode) as DType[];

/** Throws unless `d` is the name of a dtype. */
export function checkDType(d: string, what = 'dtype'): DType {
  if (!(d in dtypeCode)) throw new DTypeError(`${what}: '${d}' is no dtype; use one of ${allDTypes.join(', ')}`);
  return d as DType;
}

/** A typed array over a part of a buffer. */
export function viewOf(d: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  switch (d) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer, byteOffset, length);
    default:
      return new Uint8Array(buffer, byteOffset, length);
  }
}

// Order within a category decides the result of a promotion; categories: 0 bool, 1 integer, 2 float.
const rank: Record<DType, number> = { bool: 0, uint8: 1, int32: 2, int64: 3, float16: 4, bfloat16: 4, float32: 5, float64: 6 };
const category = (d: DType): 0 | 1 | 2 => (d === 'bool' ? 0 : isFloating(d) ? 2 : 1);

/** The dtype that holds values of both (torch.promote_types). */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if ((a === 'float16' && b === 'bfloat16') || (a === 'bfloat16' && b === 'float16')) return 'float32';
  return rank[a] >= rank[b] ? a : b;
}

/** True when a value of `from` may be stored as `to` without changing category downwards (torch.can_cast). */
export const canCast = (from: DType, to: DType): boolean => category(from) <= category(to);

/** The dtype a plain JavaScript value stands for when it is promoted with tensors: numbers are weak. */
export type WeakKind = 'weak-bool' | 'weak-int' | 'weak-float';

/** One participant of a promotion: a tensor with dimensions, a tensor without (0-d), or a plain number. */
export interface Promotable {
  dtype: DType;
  kind: 'dim' | 'zero' | 'number';
}

/** PyTorch's result_type: dimensioned tensors first, then 0-d tensors, then plain numbers, each raising the category only. */
export function resultType(items: readonly Promotable[]): DType {
  const of: Record<Promotable['kind'], DType | null> = { dim: null, zero: null, number: null };
  for (const { dtype, kind } of items) of[kind] = of[kind] === null ? dtype : promoteTypes(of[kind], dtype);
  const numberDType = (d: DType | null): DType | null => (d !== null && isFloating(d) ? 'float32' : d);
  const combine = (high: DType | null, low: DType | null): DType | null => {
    if (high === null) return low;
    if (low === null || category(high) >= category(low)) return high;
    return promoteTypes(high, low);
  };
  const result = combine(combine(of.dim, of.zero), numberDType(of.number));
  return result ?? 'float32';
}
