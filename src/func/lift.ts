// What transforms share: each differentiates with respect to stand-ins of its arguments, so that transforms can be nested.

import { frontier } from '../autograd/checkpoint.ts';
import { enableGrad, isGradEnabled } from '../autograd/mode.ts';
import { record, sequenceNow } from '../autograd/node.ts';
import { DTypeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { leaves, mapTree, resultTensors } from './tree.ts';

/** Which arguments are differentiated. */
export type Argnums = number | readonly number[];

const same = (t: Tensor): Tensor => new Tensor(t.storage, t.shape, t.strides, t.offset, t.dtype);

/** The tensor itself, without the history that only a transform's own stand-ins gave it. */
export const cutOff = <T>(tree: T): T => mapTree(tree, (t) => (t.requiresGrad ? same(t) : t));

/** Positions of arguments, counted from the end when negative. */
export function positions(name: string, argnums: Argnums, count: number): number[] {
  const list = typeof argnums === 'number' ? [argnums] : argnums;
  return list.map((a) => {
    const at = a < 0 ? a + count : a;
    if (!Number.isInteger(at) || at < 0 || at >= count)
      throw new ValueError(`${name}: argnums ${a} names no argument; the function was called with ${count}`);
    return at;
  });
}

/** A function run on stand-ins for some of its arguments. */
export interface Lifted {
  /** The stand-ins, one for each tensor in the chosen arguments. */
  readonly inputs: Tensor[];
  readonly result: unknown;
  readonly outputs: Tensor[];
  /** The result depends on tensors outside that require gradients: derivatives must be recorded. */
  readonly outer: boolean;
}

/** Runs `fn` on stand-ins for the tensors in `args[i]`, i in `at`, recording. */
export function lift(name: string, fn: (...args: never[]) => unknown, args: readonly unknown[], at: readonly number[]): Lifted {
  const recording = isGradEnabled();
  const since = sequenceNow();
  const inputs: Tensor[] = [];
  const own = new Set<Tensor>();
  const standIn = (t: Tensor): Tensor => {
    if (!isFloating(t.dtype))
      throw new DTypeError(
        `${name}: an argument is ${t.dtype}; only floating-point tensors have derivatives, cast it or leave it out of argnums`,
      );
    const s = same(t);
    if (recording && t.requiresGrad) record('standIn', [t], [s], [], ([g]) => [g]);
    else own.add(s.requiresGrad_());
    inputs.push(s);
    return s;
  };
  const given = args.map((a, i) => (at.includes(i) ? mapTree(a, standIn) : a));
  for (const i of at)
    if (leaves(args[i]).length === 0) throw new ValueError(`${name}: argument ${i} holds no tensor to differentiate with respect to`);
  const result = enableGrad(() => fn(...(given as never[])));
  const outputs = resultTensors(name, result);
  // A stand-in that was recorded leads outside by itself.
  const outer = recording && frontier(outputs, since).some((e) => e.leaf === null || !own.has(e.leaf));
  return { inputs, result, outputs, outer };
}
