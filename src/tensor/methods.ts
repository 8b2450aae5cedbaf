// Puts the operations on the Tensor prototype. A method is the function of the same name with the tensor as its first argument,
// so an operation is written and documented once.

import { type BackwardOptions, backward } from '../autograd/engine.ts';
import { linalgMethods } from '../linalg/top-level.ts';
import { activationMethods } from '../ops/activations.ts';
import { to, toBool, toDouble, toFloat, toInt, toLong } from '../ops/cast.ts';
import { createMethods } from '../ops/create-more.ts';
import { diagonalMethods } from '../ops/diagonal.ts';
import { differenceMethods } from '../ops/differences.ts';
import { elementwiseMethods } from '../ops/elementwise.ts';
import { gatherMethods } from '../ops/gather.ts';
import { gatherReduceMethods } from '../ops/gather-reduce.ts';
import { indexingMethods } from '../ops/indexing.ts';
import { maskedMethods, nonzeroMethods } from '../ops/indexing-masked.ts';
import { joinMethods } from '../ops/join.ts';
import { matmulMethods } from '../ops/matmul.ts';
import { padMethods } from '../ops/pad.ts';
import { randomMethods } from '../ops/random.ts';
import { readMethods } from '../ops/read.ts';
import { type ReduceOptions, reduceMethods, type ValuesAndIndices } from '../ops/reduce.ts';
import { extremeMethods, reduceMoreMethods } from '../ops/reduce-more.ts';
import { reduceNormMethods } from '../ops/reduce-norm.ts';
import { scanMethods } from '../ops/scan.ts';
import { searchMethods, type UniqueOptions, type UniqueResult, uniqueMethods } from '../ops/search.ts';
import { shapeMethods } from '../ops/shape-more.ts';
import { softmaxMethods } from '../ops/softmax.ts';
import { medianMethods, sortMethods } from '../ops/sort.ts';
import { varianceMethods } from '../ops/variance.ts';
import * as views from '../ops/view.ts';
import { format } from './print.ts';
import { Tensor } from './tensor.ts';

const viewMethods = {
  reshape: views.reshape,
  view: views.view,
  permute: views.permute,
  transpose: views.transpose,
  expand: views.expand,
  unsqueeze: views.unsqueeze,
  squeeze: views.squeeze,
  slice: views.slice,
  select: views.select,
  narrow: views.narrow,
  diagonal: views.diagonal,
  asStrided: views.asStrided,
  detach: views.detach,
  clone: views.clone,
  contiguous: views.contiguous,
  flatten: views.flatten,
  isContiguous: (x: Tensor): boolean => x.contiguousNow,
  to,
  float: toFloat,
  double: toDouble,
  long: toLong,
  int: toInt,
  bool: toBool,
  /** Accumulates into `.grad` of every leaf the derivative of this tensor (a scalar, or weighted by `gradient`). */
  backward: (x: Tensor, options: BackwardOptions & { gradient?: Tensor | null } = {}): void => backward(x, options),
};

/** All tables of methods. */
const tables = {
  ...viewMethods,
  ...readMethods,
  ...createMethods,
  ...elementwiseMethods,
  ...activationMethods,
  ...reduceMethods,
  ...reduceMoreMethods,
  ...reduceNormMethods,
  ...scanMethods,
  ...sortMethods,
  ...varianceMethods,
  ...differenceMethods,
  ...searchMethods,
  ...shapeMethods,
  ...joinMethods,
  ...gatherMethods,
  ...gatherReduceMethods,
  ...maskedMethods,
  ...indexingMethods,
  ...diagonalMethods,
  ...padMethods,
  ...matmulMethods,
  ...linalgMethods,
  ...softmaxMethods,
  ...randomMethods,
};

type Method<F> = F extends (x: Tensor, ...rest: infer R) => infer T ? (...rest: R) => T : never;
type MethodsOf<T> = { [K in keyof T]: Method<T[K]> };

/** Tables of operations with several signatures, which `Method` cannot infer: `OverloadedMethods` spells them out. */
const overloaded = { ...extremeMethods, ...medianMethods, ...nonzeroMethods, ...uniqueMethods };

type OneDim = number | (ReduceOptions & { dim: number });
interface Extreme {
  (): Tensor;
  (other: Tensor): Tensor;
  (dim: OneDim): ValuesAndIndices;
}
interface Median {
  (): Tensor;
  (dim: OneDim): ValuesAndIndices;
}
interface Unique {
  (options: UniqueOptions & ({ returnInverse: true } | { returnCounts: true })): UniqueResult;
  (options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
}
interface OverloadedMethods extends Record<keyof typeof overloaded, unknown> {
  /** The largest value; with `dim`, values and positions along it; with a tensor, the elementwise maximum. */
  max: Extreme;
  /** The smallest value; with `dim`, values and positions along it; with a tensor, the elementwise minimum. */
  min: Extreme;
  /** The median (the lower one of an even count); with `dim`, values and positions along it. NaN where one is among them. */
  median: Median;
  /** As median, of the elements that are not NaN. */
  nanmedian: Median;
  /** The distinct elements, sorted; or the distinct slices along `dim`. */
  unique: Unique;
  /** The elements (slices along `dim`) without those that equal their predecessor. */
  uniqueConsecutive: Unique;
  /** Positions [n, ndim] of the elements that are not 0; `asTuple`: one 1-d tensor per dimension. */
  nonzero: { (options?: { asTuple?: false }): Tensor; (options: { asTuple: true }): Tensor[] };
}

/** The methods of a tensor: every operation of the tables, the tensor being the first argument. */
export interface TensorMethods extends MethodsOf<typeof tables>, OverloadedMethods {}

for (const [name, fn] of Object.entries({ ...tables, ...overloaded }) as [string, (x: Tensor, ...rest: unknown[]) => unknown][]) {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Tensor, ...rest: unknown[]): unknown {
      return fn(this, ...rest);
    },
  });
}

Object.defineProperties(Tensor.prototype, {
  /** Dimensions in reverse order. */
  T: {
    configurable: true,
    get(this: Tensor): Tensor {
      return views.permute(
        this,
        this.shape.map((_, i) => this.ndim - 1 - i),
      );
    },
  },
  /** The last two dimensions swapped. */
  mT: {
    configurable: true,
    get(this: Tensor): Tensor {
      return views.transpose(this, -2, -1);
    },
  },
  toString: {
    configurable: true,
    writable: true,
    value(this: Tensor): string {
      return format(this);
    },
  },
  [Symbol.for('nodejs.util.inspect.custom')]: {
    configurable: true,
    value(this: Tensor): string {
      return format(this);
    },
  },
});

export const installed = true;
