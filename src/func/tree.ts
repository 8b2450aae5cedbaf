// Tensors in nested arrays and plain objects, as transforms of functions take and give them.

import { ValueError } from '../runtime/errors.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A tensor, or tensors in arrays and plain objects; anything else in it is passed on as it is. */
export type Tree = unknown;

const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && (Object.getPrototypeOf(v) === Object.prototype || Object.getPrototypeOf(v) === null);

/** The tensors of a tree, in order. */
export function leaves(tree: Tree): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  if (Array.isArray(tree)) return tree.flatMap(leaves);
  return isRecord(tree) ? Object.values(tree).flatMap(leaves) : [];
}

/** The same tree with every tensor replaced. */
export function mapTree<T>(tree: T, fn: (t: Tensor) => unknown): T {
  if (tree instanceof Tensor) return fn(tree) as T;
  if (Array.isArray(tree)) return tree.map((v) => mapTree(v, fn)) as T;
  if (isRecord(tree)) return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, mapTree(v, fn)])) as T;
  return tree;
}

/** A tree of the same form whose tensors are those of the list, in order. */
export function fillTree<T>(tree: T, list: readonly unknown[]): T {
  let i = 0;
  return mapTree(tree, () => list[i++]);
}

/** The tensors of a function's result; ValueError when there are none. */
export function resultTensors(name: string, result: unknown): Tensor[] {
  if (result instanceof Promise)
    throw new ValueError(`${name}: the function is async; transforms take functions that give their result at once`);
  const list = leaves(result);
  if (list.length === 0)
    throw new ValueError(
      `${name}: the function must give a tensor, or tensors in an array or object; it gave ${result === null ? 'null' : typeof result}`,
    );
  return list;
}
