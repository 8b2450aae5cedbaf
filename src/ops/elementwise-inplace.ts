// In-place forms of the elementwise operations: `x.add_(y)` writes into `x`, keeps its dtype and is recorded for gradients.

import { DTypeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { apply, applyInPlace, type ElementwiseOp, type Scalar, scalarValue, type TensorLike } from './elementwise-apply.ts';
import {
  type AlphaOptions,
  binaryRows,
  type ClampOptions,
  checkIntegerPower,
  type DivOptions,
  formRows,
  logitOf,
  type NanToNumOptions,
  nanNumbers,
  type RowWithParams,
  roundOf,
  unaryRows,
} from './elementwise-rows.ts';
import { changeInPlace } from './inplace.ts';

const change = (op: ElementwiseOp, x: Tensor, others: readonly TensorLike[] = [], params: readonly number[] = []): Tensor =>
  applyInPlace(op, x, others, params, changeInPlace);

const withParams = (x: Tensor, [op, params]: RowWithParams): Tensor => change(op, x, [], params);

// Questions to a number have no in-place form.
const questions = ['isnan', 'isinf', 'isfinite', 'isposinf', 'isneginf', 'signbit'] as const;
type Changing = Exclude<keyof typeof unaryRows, (typeof questions)[number]>;
type UnaryInPlace = { [K in Changing as `${K}_`]: (x: Tensor) => Tensor };
type BinaryInPlace = { [K in keyof typeof binaryRows as `${K}_`]: (x: Tensor, y: TensorLike) => Tensor };
const unaryInPlace = Object.fromEntries(
  Object.entries(unaryRows)
    .filter(([k]) => !(questions as readonly string[]).includes(k))
    .map(([k, op]) => [`${k}_`, (x: Tensor) => change(op, x)]),
) as UnaryInPlace;
const binaryInPlace = Object.fromEntries(
  Object.entries(binaryRows).map(([k, op]) => [`${k}_`, (x: Tensor, y: TensorLike) => change(op, x, [y])]),
) as BinaryInPlace;

/** Writes `src` (broadcast, cast) into `x`. */
export const copy_ = (x: Tensor, src: TensorLike): Tensor => change(formRows.copy, x, [src]);
/** Writes one value everywhere. */
export const fill_ = (x: Tensor, value: Scalar | Tensor): Tensor => copy_(x, value instanceof Tensor ? value : scalarValue(value));
/** Writes zeros. */
export const zero_ = (x: Tensor): Tensor => copy_(x, 0);

function clampMin_(x: Tensor, min: TensorLike): Tensor {
  return change(min instanceof Tensor ? binaryRows.maximum : formRows.clampMin, x, [min]);
}
function clampMax_(x: Tensor, max: TensorLike): Tensor {
  return change(max instanceof Tensor ? binaryRows.minimum : formRows.clampMax, x, [max]);
}
function clamp_(x: Tensor, { min = null, max = null }: ClampOptions = {}): Tensor {
  if (min === null && max === null) throw new ValueError('clamp_: give min, max or both');
  if (min === null) return clampMax_(x, max as TensorLike);
  if (max === null) return clampMin_(x, min);
  return change(formRows.clamp, x, [min, max]);
}

function div_(x: Tensor, y: TensorLike, { roundingMode = null }: DivOptions = {}): Tensor {
  if (roundingMode === null) return change(formRows.div, x, [y]);
  if (roundingMode === 'floor') return change(binaryRows.floorDivide, x, [y]);
  if (roundingMode === 'trunc') return change(formRows.divTrunc, x, [y]);
  throw new ValueError(`div_: roundingMode '${String(roundingMode)}' is unknown; use 'trunc', 'floor' or null`);
}

function checkMask(name: string, mask: Tensor): void {
  if (mask.dtype !== 'bool') throw new DTypeError(`${name}: the mask is ${mask.dtype}; it must be bool, as comparisons give it`);
}
function checkFillValue(name: string, value: TensorLike): void {
  if (value instanceof Tensor && value.ndim > 0)
    throw new ValueError(`${name}: the value has ${value.ndim} dimension(s); give a number or a 0-d tensor`);
}
/** `x` with `value` (a number or 0-d tensor) where the mask holds. */
function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  checkMask('maskedFill', mask);
  checkFillValue('maskedFill', value);
  return apply(formRows.maskedFill, [x, mask, value], [], x.dtype);
}
/** Writes `value` (a number or 0-d tensor) into `x` where the mask holds. */
function maskedFill_(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  checkMask('maskedFill_', mask);
  checkFillValue('maskedFill_', value);
  return change(formRows.maskedFill, x, [mask, value]);
}

/** What becomes an in-place method of tensors. */
export const inPlaceMethods = {
  ...unaryInPlace,
  ...binaryInPlace,
  add_: (x: Tensor, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
    alpha === 1 ? change(formRows.add, x, [y]) : change(formRows.addScaled, x, [y], [alpha]),
  sub_: (x: Tensor, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
    alpha === 1 ? change(formRows.sub, x, [y]) : change(formRows.subScaled, x, [y], [alpha]),
  pow_(x: Tensor, y: TensorLike): Tensor {
    checkIntegerPower('pow_', x, y);
    return change(binaryRows.pow, x, [y]);
  },
  mul_: (x: Tensor, y: TensorLike): Tensor => change(formRows.mul, x, [y]),
  div_,
  lerp_: (x: Tensor, end: TensorLike, weight: TensorLike): Tensor => change(formRows.lerp, x, [end, weight]),
  addcmul_: (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
    change(formRows.addcmul, x, [y, z], [value]),
  addcdiv_: (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
    change(formRows.addcdiv, x, [y, z], [value]),
  clamp_,
  clip_: clamp_,
  clampMin_,
  clampMax_,
  sgn_: (x: Tensor): Tensor => change(unaryRows.sign, x),
  bitwiseNot_: (x: Tensor): Tensor => change(x.dtype === 'bool' ? unaryRows.logicalNot : formRows.bitwiseNot, x),
  round_: (x: Tensor, options: { decimals?: number } = {}): Tensor => withParams(x, roundOf(x, options)),
  logit_: (x: Tensor, options: { eps?: number | null } = {}): Tensor => withParams(x, logitOf(options)),
  nanToNum_: (x: Tensor, options: NanToNumOptions = {}): Tensor =>
    isFloating(x.dtype) ? change(formRows.nanToNum, x, [], nanNumbers(x, options)) : x,
  maskedFill,
  maskedFill_,
  copy_,
  fill_,
  zero_,
};
