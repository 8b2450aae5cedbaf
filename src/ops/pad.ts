// Padding in four modes, and one-hot encoding.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { checkingValues } from '../runtime/recording.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { arange, fromTyped, full, zeros } from './create.ts';
import { add } from './elementwise.ts';
import { indexSelect } from './gather.ts';
import { indexRaw } from './gather-raw.ts';
import { copyInto, empty, fill } from './raw.ts';
import { itemSync } from './read.ts';
import { amax, amin } from './reduce.ts';
import { clone, narrow, reshape } from './view.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';
export interface PadOptions {
  /** What stands outside: a constant, the mirrored, the outermost, or the opposite elements. */
  mode?: PadMode;
  /** The constant. */
  value?: number | null;
}

/** The pads as [before, after] per dimension of `x`; `pad` lists them from the last dimension on. */
function pairs(x: Tensor, pad: readonly number[]): [number, number][] {
  if (pad.length % 2 !== 0 || pad.length > 2 * x.ndim || pad.some((p) => !Number.isInteger(p)))
    throw new ShapeError(
      `pad: pad ${show(pad)} must hold pairs of whole numbers (before, after), from the last dimension on, for at most ${x.ndim} dimension(s)`,
    );
  return x.shape.map((_, d) => {
    const k = 2 * (x.ndim - 1 - d);
    return k < pad.length ? [pad[k], pad[k + 1]] : [0, 0];
  });
}

function padConstant(x: Tensor, around: readonly (readonly [number, number])[], value: number): Tensor {
  // negative pads cut off first
  let inner = x;
  for (const [d, [a, b]] of around.entries()) {
    const n = x.shape[d] + Math.min(a, 0) + Math.min(b, 0);
    if (n < 0 || x.shape[d] + a + b < 0)
      throw new ShapeError(`pad: pads ${a} and ${b} leave a negative size of dimension ${d} of shape ${show(x.shape)}`);
    if (a < 0 || b < 0) inner = narrow(inner, d, Math.max(-a, 0), n);
  }
  if (around.every(([a, b]) => a <= 0 && b <= 0)) return clone(inner);
  const out = empty(
    inner.shape.map((n, d) => n + Math.max(around[d][0], 0) + Math.max(around[d][1], 0)),
    x.dtype,
  );
  fill(out, value);
  const kept = inner.shape; // closures must not hold the tensor
  const place = (t: Tensor): Tensor => kept.reduce((v, n, d) => narrow(v, d, Math.max(around[d][0], 0), n), t);
  copyInto(place(out), inner);
  if (mustRecord([inner])) record('pad', [inner], [out], [], ([g]) => [g === null ? null : place(g)]);
  return out;
}

/** The position that stands at place `i` (which may lie outside) of a dimension of size n. */
const sources: Record<Exclude<PadMode, 'constant'>, (i: number, n: number) => number> = {
  reflect: (i, n) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i),
  replicate: (i, n) => Math.min(Math.max(i, 0), n - 1),
  circular: (i, n) => (i < 0 ? i + n : i >= n ? i - n : i),
};

/**
 * Adds elements around `x`: `pad` holds (before, after) pairs from the last dimension on; negative pads cut off. ShapeError when a mirrored
 * or circular pad is longer than the dimension allows.
 */
export function pad(x: Tensor, pad_: readonly number[], { mode = 'constant', value = 0 }: PadOptions = {}): Tensor {
  return composed(() => {
    const around = pairs(x, pad_);
    if (mode === 'constant') return padConstant(x, around, value ?? 0);
    if (!Object.hasOwn(sources, mode))
      throw new ValueError(
        `pad: mode '${String(mode)}' is unknown; use 'constant', ${Object.keys(sources)
          .map((m) => `'${m}'`)
          .join(', ')}`,
      );
    let out = x;
    around.forEach(([a, b], d) => {
      if (a === 0 && b === 0) return;
      const n = x.shape[d];
      const most = mode === 'reflect' ? n - 1 : mode === 'circular' ? n : Number.POSITIVE_INFINITY;
      if (Math.max(a, b) > most || n + a + b < 0 || n === 0)
        throw new ShapeError(
          `pad: pads ${a} and ${b} do not fit mode '${mode}' for dimension ${d} of shape ${show(x.shape)}; at most ${most}`,
        );
      const at = BigInt64Array.from({ length: n + a + b }, (_, i) => BigInt(sources[mode](i - a, n)));
      out = indexSelect(out, d, fromTyped(at, [at.length]));
    });
    return out === x ? clone(x) : out;
  });
}

/** As pad with mode 'constant'. */
export const constantPadNd = (x: Tensor, pad_: readonly number[], { value = 0 }: { value?: number } = {}): Tensor =>
  pad(x, pad_, { value });

/** 1 at the class, 0 elsewhere, along a new last dimension (int64). `numClasses` is the largest class + 1 unless given. */
export function oneHot(x: Tensor, { numClasses = -1 }: { numClasses?: number } = {}): Tensor {
  if (x.dtype !== 'int64') throw new DTypeError(`oneHot: the classes are ${x.dtype}; they must be int64, cast with .to('int64')`);
  if (x.numel === 0) {
    if (numClasses <= 0) throw new ValueError('oneHot: an empty tensor does not tell the number of classes; give numClasses');
    return empty([...x.shape, numClasses], 'int64');
  }
  const ends = (): [number, number] => [itemSync(amin(x)), itemSync(amax(x))];
  const [least, most] = numClasses === -1 ? ends() : checkingValues(ends);
  if (least < 0) throw new IndexError(`oneHot: the class ${least} is negative; classes count from 0`);
  if (numClasses !== -1 && most >= numClasses)
    throw new IndexError(`oneHot: the class ${most} is out of range for ${numClasses} classes; use 0 to ${numClasses - 1}`);
  const classes = numClasses === -1 ? most + 1 : numClasses;
  return noGrad(() =>
    composed(() => {
      const out = zeros([x.numel * classes], { dtype: 'int64' });
      const places = add(arange(0, x.numel * classes, classes), reshape(x, [-1]));
      indexRaw('oneHot', 'set', out, 0, [places], full([x.numel], 1, { dtype: 'int64' }));
      return reshape(out, [...x.shape, classes]);
    }),
  );
}

export const padMethods = { pad };
