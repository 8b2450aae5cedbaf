// Runs elementwise operations given as scalar expressions: broadcasting, dtype promotion, recording, and gradients. All
// broadcasting of the library is undone here, by reductions fused with the derivative's program.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record, type Vjp } from '../autograd/node.ts';
import { DTypeError, GradError, ShapeError, ValueError } from '../runtime/errors.ts';
import { computeTypeOf, type DType, isFloating, type Promotable, resultType } from '../tensor/dtype.ts';
import { broadcastShapes, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { copy, empty, ewise, fill as fillNumber, loadProgram, type Program, reduceProgram } from './raw.ts';
import { differentiate, type Expr, input, inputsOf, param, substitute } from './scalar.ts';

/** A JavaScript number that counts as floating point even when whole, as 2.0 does in Python. */
export class FloatScalar {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
/** Marks a number as floating point for type promotion: `x.mul(float(2))` of an integer tensor is float32. */
export const float = (value: number): FloatScalar => new FloatScalar(value);

/** What arithmetic takes beside tensors. Numbers are weak: they never widen a tensor's dtype within its category. */
export type Scalar = number | boolean | FloatScalar;
export type TensorLike = Tensor | Scalar;

export const scalarValue = (s: Scalar): number => (s instanceof FloatScalar ? s.value : Number(s));
export const scalarDType = (s: Scalar): DType =>
  typeof s === 'boolean' ? 'bool' : s instanceof FloatScalar || !Number.isInteger(s) ? 'float32' : 'int64';

const promotable = (x: TensorLike): Promotable =>
  x instanceof Tensor ? { dtype: x.dtype, kind: x.shape.length > 0 ? 'dim' : 'zero' } : { dtype: scalarDType(x), kind: 'number' };

/** PyTorch's result type of the operands. */
export const resultTypeOf = (...xs: readonly TensorLike[]): DType => resultType(xs.map(promotable));

/**
 * How the dtype of the result follows from the promoted dtype: the same; 'float': integers become float32; 'bool': always bool;
 * 'int': same, but floats are refused; 'intFloat' the same, but bool is refused.
 */
export type DTypeRule = 'same' | 'float' | 'bool' | 'integral' | 'numeric';

/** An elementwise operation: its expression over the inputs (`input(i)`) and run-time numbers (`param(i)`). */
export interface ElementwiseOp {
  readonly name: string;
  readonly doc: string;
  readonly arity: number;
  readonly expr: Expr;
  readonly dtype: DTypeRule;
  /** Inputs whose dtype does not take part in promotion (conditions). */
  readonly masks?: readonly number[];
  /** Inputs in which the derivative is not known: backward refuses them. Where it is zero nothing needs saying. */
  readonly unknown?: readonly number[];
}

/** An expression with some inputs turned into numbers, its program, and its derivatives. */
interface Kernel {
  readonly name: string;
  readonly nIn: number;
  readonly nParam: number;
  readonly expr: Expr;
  /** Inputs of unknown derivative. */
  readonly unknown: readonly number[];
  program: Program | null;
  backward: BackwardPlan | null;
}

interface BackwardPlan {
  /** Which inputs, and the result (index nIn), the derivatives read. */
  readonly reads: readonly number[];
  /** Per input: derivative over [g, ...read values] as a kernel of its own, or null. */
  readonly grads: readonly (Kernel | null)[];
  /** Programs with several results, by the mask of wanted inputs. */
  readonly joint: Map<number, Program>;
}

const kernels = new WeakMap<ElementwiseOp, Map<number, Kernel>>();

const makeKernel = (name: string, expr: Expr, nIn: number, nParam: number, unknown: readonly number[] = []): Kernel => ({
  name,
  nIn,
  nParam,
  expr,
  unknown,
  program: null,
  backward: null,
});

/** The kernel of `op` where the operands in `scalarMask` are numbers: they become parameters after the op's own. */
function kernelOf(op: ElementwiseOp, scalarMask: number, nParam: number): Kernel {
  let byMask = kernels.get(op);
  if (byMask === undefined) kernels.set(op, (byMask = new Map()));
  let k = byMask.get(scalarMask);
  if (k !== undefined) return k;
  let nIn = 0;
  let nParams = nParam;
  const leaf: Expr[] = [];
  for (let i = 0; i < op.arity; i++) leaf.push((scalarMask >> i) & 1 ? param(nParams++) : input(nIn++));
  const expr = substitute(op.expr, (e) => (e.op === 'in' ? leaf[e.value] : undefined));
  const unknown = (op.unknown ?? []).flatMap((i) => (leaf[i].op === 'in' ? [leaf[i].value] : []));
  k = makeKernel(op.name, expr, nIn, nParams, unknown);
  byMask.set(scalarMask, k);
  return k;
}

function planBackward(k: Kernel): BackwardPlan {
  if (k.backward !== null) return k.backward;
  // inputs of the derivative: 0 is g, 1 … nIn the inputs, nIn + 1 the result; then only those that are read
  const shifted = substitute(k.expr, (e) => (e.op === 'in' ? input(e.value + 1) : undefined));
  const raw = differentiate(shifted, k.nIn + 1, input(0), input(k.nIn + 1)).slice(1);
  const used = new Set<number>();
  for (const e of raw) if (e !== null) for (const i of inputsOf(e)) used.add(i);
  used.delete(0);
  const reads = [...used].sort((a, b) => a - b);
  const place = new Map(reads.map((r, i) => [r, i + 1]));
  const grads = raw.map((e, i) =>
    e === null
      ? null
      : makeKernel(
          `${k.name}Backward${i}`,
          substitute(e, (x) => (x.op === 'in' && x.value > 0 ? input(place.get(x.value) as number) : undefined)),
          reads.length + 1,
          k.nParam,
        ),
  );
  k.backward = { reads: reads.map((r) => r - 1), grads, joint: new Map() };
  return k.backward;
}

const programOf = (k: Kernel): Program => (k.program ??= loadProgram([k.expr], k.nIn));

/** The dtype of the computation and of the result. */
function resolveDType(name: string, rule: DTypeRule, promoted: DType): { compute: DType; out: DType } {
  switch (rule) {
    case 'float':
      return isFloating(promoted) ? { compute: promoted, out: promoted } : { compute: 'float32', out: 'float32' };
    case 'bool':
      return { compute: promoted, out: 'bool' };
    case 'integral':
      if (isFloating(promoted))
        throw new DTypeError(`${name}: needs integer or bool operands, got ${promoted}; cast with .to('int64') first`);
      return { compute: promoted, out: promoted };
    case 'numeric':
      if (promoted === 'bool')
        throw new DTypeError(`${name}: is not defined for bool tensors; use logicalNot, logicalXor or a cast to a number`);
      return { compute: promoted, out: promoted };
    default:
      return { compute: promoted, out: promoted };
  }
}

/** Gradient of a broadcast input: the kernel's values reduced to `target` in one instruction. */
function reduceTo(
  name: string,
  k: Kernel,
  ins: readonly Tensor[],
  params: readonly number[],
  shape: Shape,
  target: Shape,
  dtype: DType,
): Tensor {
  const lead = shape.length - target.length;
  const dims: number[] = [];
  for (let i = 0; i < shape.length; i++) if (i < lead || (target[i - lead] === 1 && shape[i] !== 1)) dims.push(i);
  const out = empty(target, dtype);
  reduceProgram(name, 'sum', programOf(k), out, ins, shape, dims, params, computeTypeOf[dtype]);
  return out;
}

function broadcastOf(name: string, ins: readonly Tensor[]): Shape {
  let shape = ins[0].shape;
  for (let i = 1; i < ins.length; i++) if (!sameShape(shape, ins[i].shape)) shape = broadcastShapes(name, shape, ins[i].shape);
  return shape;
}

/** Applies a kernel to tensors, recording it when needed. `out` (optional) receives the result in place. */
function applyKernel(
  k: Kernel,
  ins: readonly Tensor[],
  params: readonly number[],
  compute: DType,
  outDType: DType,
  target: Tensor | null = null,
): Tensor {
  const shape = broadcastOf(k.name, ins);
  const out = target ?? empty(shape, outDType);
  ewise(k.name, programOf(k), [out], ins, params, computeTypeOf[compute]);
  if (target === null && isFloating(outDType) && mustRecord(ins)) recordKernel(k, ins, params, out, null);
  return out;
}

/** Records `out = k(ins)`. `selfEdge` replaces input 0's edge for in-place operations (see inplace.ts). */
export function recordKernel(
  k: Kernel,
  ins: readonly Tensor[],
  params: readonly number[],
  out: Tensor,
  savedOverride: readonly Tensor[] | null,
): void {
  const { saved, vjp } = kernelGradient(k, ins, params, out, savedOverride);
  record(k.name, ins, [out], saved, vjp);
}

/** Saved tensors and vector-Jacobian product of `out = k(ins)`. */
export function kernelGradient(
  k: Kernel,
  ins: readonly Tensor[],
  params: readonly number[],
  out: Tensor,
  insForSaving: readonly Tensor[] | null,
): { saved: Tensor[]; vjp: Vjp } {
  const plan = planBackward(k);
  const source = insForSaving ?? ins;
  const saved = plan.reads.map((r) => (r < k.nIn ? source[r] : out));
  const shapes = ins.map((t) => t.shape);
  const dtypes = ins.map((t) => t.dtype);
  return { saved, vjp: kernelVjp(k, plan, params, shapes, dtypes, out.dtype) };
}

/** The vector-Jacobian product of a kernel. A function of its own, so that the closure holds shapes and not the tensors they were read from. */
function kernelVjp(
  k: Kernel,
  plan: BackwardPlan,
  params: readonly number[],
  shapes: readonly Shape[],
  dtypes: readonly DType[],
  outDType: DType,
): Vjp {
  return (gs, kept, node) => {
    const g = gs[0];
    if (g === null) return shapes.map(() => null);
    const operands = [g, ...kept];
    const result = new Array<Tensor | null>(shapes.length).fill(null);
    let same = 0;
    let sameCount = 0;
    for (let i = 0; i < shapes.length; i++) {
      const gk = plan.grads[i];
      if (!node.needs(i)) continue;
      if (gk === null) {
        if (k.unknown.includes(i))
          throw new GradError(`${k.name}: the derivative with respect to argument ${i} is not known; detach() that tensor first`);
        const zero = empty(shapes[i], dtypes[i]);
        fillNumber(zero, 0);
        result[i] = zero;
      } else if (gk.expr.op === 'in' && gk.expr.value === 0 && dtypes[i] === g.dtype && sameShape(shapes[i], g.shape)) result[i] = g;
      else if (isGradEnabled()) {
        // createGraph: the derivative is an operation like any other, recorded again
        const full = applyKernel(gk, operands, params, outDType, outDType);
        result[i] = castTo(sumToShape(full, shapes[i]), dtypes[i]);
      } else if (!sameShape(shapes[i], g.shape) || !sameShape(broadcastOf(k.name, operands), g.shape)) {
        result[i] = reduceTo(gk.name, gk, operands, params, g.shape, shapes[i], dtypes[i]);
      } else {
        same |= 1 << i;
        sameCount++;
      }
    }
    if (sameCount > 0) {
      let program = plan.joint.get(same);
      const wanted = shapes.map((_, i) => i).filter((i) => (same >> i) & 1);
      if (program === undefined) {
        program = loadProgram(
          wanted.map((i) => (plan.grads[i] as Kernel).expr),
          operands.length,
        );
        plan.joint.set(same, program);
      }
      const outs = wanted.map((i) => (result[i] = empty(shapes[i], dtypes[i])));
      ewise(k.name, program, outs, operands, params, computeTypeOf[outDType]);
    }
    return result;
  };
}

/** Differentiable helpers that this file needs of others; set by src/ops/index.ts to avoid an import circle. */
export const helpers: { sumTo: ((t: Tensor, shape: Shape) => Tensor) | null; cast: ((t: Tensor, dtype: DType) => Tensor) | null } = {
  sumTo: null,
  cast: null,
};
const sumToShape = (t: Tensor, shape: Shape): Tensor =>
  sameShape(t.shape, shape) ? t : (helpers.sumTo as (t: Tensor, s: Shape) => Tensor)(t, shape);
const castTo = (t: Tensor, dtype: DType): Tensor => (t.dtype === dtype ? t : (helpers.cast as (t: Tensor, d: DType) => Tensor)(t, dtype));

function checkOperand(name: string, i: number, x: unknown): void {
  if (x instanceof Tensor || typeof x === 'number' || typeof x === 'boolean' || x instanceof FloatScalar) return;
  throw new DTypeError(
    `${name}: argument ${i} is ${x === null ? 'null' : typeof x}; expected a tensor or a number (make one with tensor(...))`,
  );
}

interface Prepared {
  kernel: Kernel;
  ins: Tensor[];
  params: number[];
  compute: DType;
  out: DType;
}

function prepare(op: ElementwiseOp, xs: readonly TensorLike[], params: readonly number[]): Prepared {
  let mask = 0;
  const ins: Tensor[] = [];
  const numbers: number[] = [];
  const first = xs[0];
  let uniform: DType | null = null;
  let simple = op.masks === undefined;
  for (let i = 0; i < xs.length; i++) {
    const x = xs[i];
    checkOperand(op.name, i, x);
    if (x instanceof Tensor) {
      ins.push(x);
      if (uniform === null) uniform = x.dtype;
      else if (uniform !== x.dtype) simple = false;
    } else {
      mask |= 1 << i;
      numbers.push(scalarValue(x));
      if (uniform === null || !isFloating(uniform)) simple = false;
    }
  }
  if (ins.length === 0) {
    // only numbers: the first becomes a 0-d tensor of its own dtype
    const t = empty([], scalarDType(first as Scalar));
    fillNumber(t, scalarValue(first as Scalar));
    return prepare(op, [t, ...xs.slice(1)], params);
  }
  const promoted = simple ? (uniform as DType) : resultTypeOf(...xs.filter((_, i) => !op.masks?.includes(i)));
  const { compute, out } = resolveDType(op.name, op.dtype, promoted);
  return {
    kernel: kernelOf(op, mask, params.length),
    ins,
    params: numbers.length > 0 ? [...params, ...numbers] : (params as number[]),
    compute,
    out,
  };
}

/** Applies an elementwise operation with broadcasting and promotion. */
export function apply(op: ElementwiseOp, xs: readonly TensorLike[], params: readonly number[] = [], forceOut?: DType): Tensor {
  const p = prepare(op, xs, params);
  return applyKernel(p.kernel, p.ins, p.params, p.compute, forceOut ?? p.out);
}

/** Support for in-place operations: computes into `self` and tells how to record it. */
export function applyInPlace(
  op: ElementwiseOp,
  self: Tensor,
  others: readonly TensorLike[],
  params: readonly number[],
  rebase: InPlaceRecorder,
): Tensor {
  const p = prepare(op, [self, ...others], params);
  const rankOk = !(isFloating(p.out) && !isFloating(self.dtype)) && !(self.dtype === 'bool' && p.out !== 'bool');
  if (!rankOk)
    throw new DTypeError(
      `${op.name}_: the result is ${p.out} and cannot be stored in place in a ${self.dtype} tensor; use ${op.name}, or cast the tensor first`,
    );
  const shape = broadcastOf(`${op.name}_`, p.ins);
  if (!sameShape(shape, self.shape))
    throw new ShapeError(
      `${op.name}_: the result has shape ${show(shape)}, but the tensor changed in place has ${show(self.shape)}; use ${op.name}`,
    );
  if (!self.contiguousNow && self.strides.some((step, i) => step === 0 && self.shape[i] > 1))
    throw new ValueError(
      `${op.name}_: several elements of the tensor (shape ${show(self.shape)}, strides ${show(self.strides)}) share one place in memory, as expand() makes them; clone() it before changing it in place`,
    );
  // Operands that show the same storage in another layout would be read after they are overwritten.
  const ins = p.ins.map((t) =>
    t !== self && t.storage === self.storage && !(t.offset === self.offset && sameShape(t.strides, self.strides)) ? copy(t) : t,
  );
  rebase(op.name, self, p.ins, () => ({
    run: () => applyKernel(p.kernel, ins, p.params, p.compute, self.dtype, self),
    gradient: () => {
      // what backward reads is kept as it was before the change
      const { reads } = planBackward(p.kernel);
      const before = ins.map((t, i) => (t.storage === self.storage && reads.includes(i) ? asBefore(t, p.ins[i]) : t));
      return kernelGradient(p.kernel, ins, p.params, self, before);
    },
  }));
  return self;
}

/** A copy of the values of `t` that keeps the place of `original` in the graph, for second derivatives. */
function asBefore(t: Tensor, original: Tensor): Tensor {
  const c = copy(t);
  c.node = original.currentNode();
  c.outputNr = original.outputNr;
  return c;
}

/** Runs an in-place change and records it (src/ops/inplace.ts). */
export type InPlaceRecorder = (
  name: string,
  self: Tensor,
  inputs: readonly Tensor[],
  prepare: () => { run: () => void; gradient: () => { saved: Tensor[]; vjp: Vjp } },
) => void;

/** A GradError for integer operands where PyTorch refuses too. */
export function needFloating(name: string, t: Tensor): void {
  if (!isFloating(t.dtype)) throw new GradError(`${name}: needs a floating-point tensor, got ${t.dtype}; cast it with .to('float32')`);
}
