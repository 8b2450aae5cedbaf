// Reading and writing by an index: basic entries give views, index tensors and masks gather and scatter (INDEX), both with gradients.

import { mustRecord, record, type Vjp } from '../autograd/node.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { type DType, isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { copy_, div } from './elementwise.ts';
import { type Scalar, scalarDType, scalarValue } from './elementwise-apply.ts';
import { checkIndex, indexAddZeros, indexSelect } from './gather.ts';
import { indexRaw } from './gather-raw.ts';
import { extent, places } from './geometry.ts';
import { type Index, type IndexItem, parseIndex } from './indexing-parse.ts';
import { changeInPlace } from './inplace.ts';
import { alias, copy, dense, empty, fill } from './raw.ts';
import { sumToShape } from './reduce.ts';
import { asStridedBackward, clone, expand, flatten, reshape } from './view.ts';

/** Where the values of an index lie: the addressed dimensions made neighbours, and the shape of the result. */
interface Plan {
  /** Order of the tensor's dimensions in which the addressed ones are neighbours, or null when they are already. */
  readonly order: readonly number[] | null;
  readonly first: number;
  /** Equally long contiguous int64 positions [nI], one per addressed dimension. */
  readonly indices: readonly Tensor[];
  /** Shape of the values: outer dimensions, the positions' common shape, inner dimensions. */
  readonly shape: Shape;
}

function plan(x: Shape, positions: readonly (Tensor | null)[]): Plan {
  const at = positions.flatMap((p, i) => (p === null ? [] : [i]));
  const common = broadcastShapes('index', ...at.map((i) => (positions[i] as Tensor).shape));
  const indices = at.map((i) => dense(flatten(expand(positions[i] as Tensor, common))));
  const neighbours = at.every((d, i) => i === 0 || d === at[i - 1] + 1);
  const first = neighbours ? at[0] : 0;
  const rest = x.map((_, i) => i).filter((i) => !at.includes(i));
  const order = neighbours ? null : [...at, ...rest];
  const shapes = rest.map((i) => x[i]);
  return { order, first, indices, shape: [...shapes.slice(0, first), ...common, ...shapes.slice(first)] };
}

/** The tensor with the addressed dimensions beside one another: a plain view, without history. */
const arranged = (x: Tensor, { order }: Plan): Tensor =>
  order === null
    ? x
    : alias(
        x,
        order.map((d) => x.shape[d]),
        order.map((d) => x.strides[d]),
        x.offset,
      );

/** The elements at the positions. Recorded. */
function gatherAt(x: Tensor, p: Plan): Tensor {
  const out = empty(p.shape, x.dtype);
  indexRaw('index', 'get', arranged(x, p), p.first, p.indices, out);
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape;
    record('index', [x], [out], p.indices, ([g], at) => [g === null ? null : addAt(g, from, { ...p, indices: at })]);
  }
  return out;
}

/** Zeros of `shape` with `g` added at the positions: the gradient of gatherAt. Recorded. */
function addAt(g: Tensor, shape: Shape, p: Plan): Tensor {
  const out = empty(shape, g.dtype);
  fill(out, 0);
  indexRaw('indexAdd', 'add', arranged(out, p), p.first, p.indices, dense(g));
  if (mustRecord([g])) record('indexAdd', [g], [out], p.indices, ([gg], at) => [gg === null ? null : gatherAt(gg, { ...p, indices: at })]);
  return out;
}

/** `x` with zeros at the positions. Recorded. */
function zeroAt(x: Tensor, p: Plan): Tensor {
  const out = copy(x);
  const zeros = empty(p.shape, x.dtype);
  fill(zeros, 0);
  indexRaw('index', 'set', arranged(out, p), p.first, p.indices, zeros);
  if (mustRecord([x])) record('index', [x], [out], p.indices, ([g], at) => [g === null ? null : zeroAt(g, { ...p, indices: at })]);
  return out;
}

/**
 * The part of `x` that an index names: a view for positions, slices and new dimensions; a copy where lists, index tensors or masks take part. Their
 * dimensions stand where they stood when they are neighbours, else in front (as in PyTorch).
 */
export function index(x: Tensor, entries: Index): Tensor {
  const { view, positions } = parseIndex(x, entries);
  if (positions.every((t) => t === null)) return view;
  return gatherAt(view, plan(view.shape, positions));
}

/** As index, with the entries as arguments: `x.at(0)`, `x.at('1:3', null, mask)`. */
export const at = (x: Tensor, ...entries: IndexItem[]): Tensor => index(x, entries);

/** Values for `shape`: cast, and leading dimensions of size 1 that it does not have dropped. */
function fitting(value: Tensor, shape: Shape): Tensor {
  let from = value;
  while (from.ndim > shape.length && from.shape[0] === 1) from = reshape(from, from.shape.slice(1));
  const fits = from.ndim <= shape.length && from.shape.every((n, i) => n === 1 || n === shape[shape.length - from.ndim + i]);
  if (!fits)
    throw new ShapeError(`setIndex_: a value of shape ${show(value.shape)} does not broadcast to the indexed part of shape ${show(shape)}`);
  return from;
}

/** Writes (or adds) `value` at the positions of `x` in place. */
function putAt(name: string, x: Tensor, p: Plan, value: Tensor, accumulate: boolean): void {
  const from = fitting(value, p.shape);
  const { shape, dtype } = from;
  changeInPlace(name, x, [x, from], () => ({
    run: () => {
      let values = from.dtype === x.dtype ? from : copy(from, x.dtype);
      values = dense(expandPlain(values, p.shape));
      if (values.storage === x.storage) values = copy(values);
      indexRaw(name, accumulate ? 'add' : 'set', arranged(x, p), p.first, p.indices, values);
    },
    gradient: () => ({ saved: [...p.indices], vjp: putVjp(p, shape, dtype, accumulate) }),
  }));
}

/** A function of its own, so that the closure holds neither operand. */
const putVjp =
  (p: Plan, shape: Shape, dtype: DType, accumulate: boolean): Vjp =>
  ([g], indices, node) => {
    if (g === null) return [null, null];
    const places = { ...p, indices };
    return [accumulate ? g : zeroAt(g, places), node.needs(1) ? to(sumToShape(gatherAt(g, places), shape), dtype) : null];
  };

/** `t` broadcast to `shape` without history. */
function expandPlain(t: Tensor, shape: Shape): Tensor {
  if (sameShape(t.shape, shape)) return t;
  const lead = shape.length - t.ndim;
  return alias(
    t,
    shape,
    shape.map((_, i) => (i < lead || t.shape[i - lead] === 1 ? 0 : t.strides[i - lead])),
    t.offset,
  );
}

const valueTensor = (value: Tensor | Scalar, like: Tensor): Tensor => {
  if (value instanceof Tensor) return value;
  if (isFloating(scalarDType(value)) && !isFloating(like.dtype) && !Number.isInteger(scalarValue(value)))
    throw new DTypeError(
      `setIndex_: the value ${scalarValue(value)} does not fit a ${like.dtype} tensor; round it, or cast the tensor first`,
    );
  const t = empty([], like.dtype);
  fill(t, scalarValue(value));
  return t;
};

/** Writes `value` (a number, or a tensor that broadcasts) into the part of `x` that an index names. In place; gives `x`. */
export function setIndex_(x: Tensor, entries: Index, value: Tensor | Scalar): Tensor {
  const { view, positions } = parseIndex(x, entries);
  const from = valueTensor(value, x);
  if (positions.every((t) => t === null)) copy_(view, fitting(from, view.shape));
  else putAt('setIndex', view, plan(view.shape, positions), from, false);
  return x;
}

export interface IndexPutOptions {
  /** Add to what is there; repeated positions add up. Otherwise the last of repeated positions wins. */
  accumulate?: boolean;
}

/** In place: `values` at the positions that index tensors or masks (one for each of the first dimensions) name. */
export function indexPut_(
  x: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor | Scalar,
  { accumulate = false }: IndexPutOptions = {},
): Tensor {
  const entries: IndexItem[] = indices.map((t) => t ?? {});
  for (const t of indices) if (t !== null && t.dtype !== 'bool') checkIndex('indexPut', t);
  const { view, positions } = parseIndex(x, entries);
  const from = valueTensor(values, x);
  if (from.dtype !== x.dtype) throw new DTypeError(`indexPut: values are ${from.dtype} and x is ${x.dtype}; cast one of them`);
  if (positions.every((t) => t === null)) throw new ShapeError('indexPut: give at least one index tensor');
  putAt('indexPut', view, plan(view.shape, positions), from, accumulate);
  return x;
}
/** As indexPut_, on a copy. */
export const indexPut = (x: Tensor, indices: readonly (Tensor | null)[], values: Tensor | Scalar, options: IndexPutOptions = {}): Tensor =>
  indexPut_(clone(x), indices, values, options);

// ---------------------------------------------------------------- the gradient of asStrided

/** The gradient adds up at each place of the storage; places that the input shows several times are shared among them. */
asStridedBackward.fn = (g, x, view) => {
  const capacity = Math.max(view.offset + extent(view), x.offset + extent(x));
  const total = indexAddZeros(flatten(g), [capacity], 0, places(view));
  const own = places(x);
  const picked = indexSelect(total, 0, own);
  if (x.strides.every((s, i) => s !== 0 || x.shape[i] === 1)) return reshape(picked, x.shape);
  const one = empty([own.numel], g.dtype);
  fill(one, 1);
  const shares = indexSelect(indexAddZeros(one, [capacity], 0, own), 0, own);
  return reshape(div(picked, shares), x.shape);
};

export const indexingMethods = { index, at, setIndex_, indexPut, indexPut_ };
