// Whole Jacobians and Hessians, a row or a column at a time.

import { isGradEnabled } from '../autograd/mode.ts';
import { zeros, zerosLike } from '../ops/create.ts';
import { stack } from '../ops/join.ts';
import { alias, fill } from '../ops/raw.ts';
import { movedim } from '../ops/shape-more.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Argnums, cutOff, type Lifted, lift, positions } from './lift.ts';
import { inForm, type OfArguments, pullBack, pushForward } from './transforms.ts';
import { fillTree } from './tree.ts';

/** Zeros like `t` with a one at flat position `i`. */
function unit(t: Tensor, i: number): Tensor {
  const e = zerosLike(t);
  fill(alias(e, [], [], i), 1);
  return e;
}

/** Blocks [output][input] of shape [...output, ...input], one backward for each element of the outputs. */
export function reverseBlocks(lifted: Lifted, createGraph: boolean): Tensor[][] {
  const { inputs, outputs } = lifted;
  const none = outputs.map((t) => zerosLike(t));
  return outputs.map((y, k) => {
    const rows = Array.from({ length: y.numel }, (_, i) =>
      pullBack(
        lifted,
        outputs.map((_, j) => (j === k ? unit(y, i) : none[j])),
        createGraph,
        true,
      ),
    );
    return inputs.map((x, j) => {
      const shape = [...y.shape, ...x.shape];
      return rows.length === 0 ? zeros(shape, { dtype: y.dtype }) : reshape(stack(rows.map((r) => r[j])), shape);
    });
  });
}

/** The same blocks, one product for each element of the inputs. */
export function forwardBlocks(lifted: Lifted, createGraph: boolean): Tensor[][] {
  const { inputs, outputs } = lifted;
  const push = pushForward(lifted);
  const none = inputs.map((t) => zerosLike(t));
  const columns = inputs.map((x, j) =>
    Array.from({ length: x.numel }, (_, i) =>
      push(
        inputs.map((_, l) => (l === j ? unit(x, i) : none[l])),
        createGraph,
      ),
    ),
  );
  return outputs.map((y, k) =>
    inputs.map((x, j) => {
      const shape = [...y.shape, ...x.shape];
      const list = columns[j];
      if (list.length === 0) return zeros(shape, { dtype: y.dtype });
      // [input, ...output] to [...output, input]
      return reshape(movedim(stack(list.map((c) => c[k])), 0, -1), shape);
    }),
  );
}

export interface JacobianOptions<N extends Argnums = number> {
  /** The argument, or arguments, to differentiate with respect to. Default 0. */
  argnums?: N;
}
type AnyFunction = (...args: never[]) => unknown;

function whole(name: string, blocksOf: typeof reverseBlocks, fn: AnyFunction, args: readonly unknown[], argnums: Argnums): unknown {
  const at = positions(name, argnums, args.length);
  const lifted = lift(name, fn, args, at);
  const blocks = blocksOf(lifted, lifted.outer && isGradEnabled());
  const tree = fillTree(
    lifted.result,
    blocks.map((row) => inForm(args, argnums, at, row)),
  );
  return lifted.outer ? tree : cutOff(tree);
}

/**
 * A function that gives the Jacobian of `fn`, shape [...output, ...input], one backward for each element of the output: right for few outputs
 * and many inputs. For several outputs or `argnums` the blocks come in the form of the result, each in the form of the arguments.
 */
export function jacrev<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options: JacobianOptions<N> = {},
): (...args: A) => OfArguments<A, N> {
  return (...args) => whole('jacrev', reverseBlocks, fn as AnyFunction, args, options.argnums ?? 0) as OfArguments<A, N>;
}

/** As jacrev, one Jacobian-vector product for each element of the input: right for few inputs and many outputs. */
export function jacfwd<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options: JacobianOptions<N> = {},
): (...args: A) => OfArguments<A, N> {
  return (...args) => whole('jacfwd', forwardBlocks, fn as AnyFunction, args, options.argnums ?? 0) as OfArguments<A, N>;
}

/** A function that gives the Hessian of `fn`, which maps to a 0-d tensor: shape [...input, ...input]. */
export function hessian<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options: JacobianOptions<N> = {},
): (...args: A) => OfArguments<A, N> {
  return jacfwd(jacrev(fn, options) as (...args: A) => Tensor, options);
}
