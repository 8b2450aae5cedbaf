// Jacobians, Hessians and their products at given inputs, as PyTorch's autograd.functional has them: one function, one list of inputs, results at
// once. The functions of `func` do the same as transforms.

import { grad } from '../autograd/engine.ts';
import { zerosLike } from '../ops/create.ts';
import { GradError, ShapeError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { reverseBlocks } from './jacobian.ts';
import { cutOff, type Lifted, lift } from './lift.ts';
import { matching, pullBack, pushForward } from './transforms.ts';
import { fillTree } from './tree.ts';

/** One input, or several. */
export type Inputs = Tensor | readonly Tensor[];
/** A result for each input: one tensor for one input, else a list. */
export type PerInput<I extends Inputs> = I extends Tensor ? Tensor : Tensor[];
/** A block for each pair of inputs. */
export type PerPair<I extends Inputs> = I extends Tensor ? Tensor : Tensor[][];
export type FunctionOf<I extends Inputs, R> = I extends Tensor ? (x: Tensor) => R : (...xs: Tensor[]) => R;

export interface FunctionalOptions {
  /** Record the result, so that it can be differentiated with respect to inputs that require gradients. */
  createGraph?: boolean;
  /** GradError when an input does not influence the output, in place of zeros. */
  strict?: boolean;
}

const listOf = (inputs: Inputs): readonly Tensor[] => (inputs instanceof Tensor ? [inputs] : inputs);
const like = <T>(inputs: Inputs, list: readonly T[]): T | T[] => (inputs instanceof Tensor ? list[0] : [...list]);

function start(name: string, fn: (...xs: never[]) => unknown, inputs: Inputs, { strict = false }: FunctionalOptions): Lifted {
  const list = listOf(inputs);
  const lifted = lift(
    name,
    fn,
    list,
    list.map((_, i) => i),
  );
  if (strict) {
    const outs = lifted.outputs.filter((t) => t.requiresGrad);
    const probe =
      outs.length === 0
        ? list.map(() => null)
        : grad(outs, lifted.inputs, { gradOutputs: outs.map((t) => zerosLike(t)), retainGraph: true, allowUnused: true });
    const unused = probe.indexOf(null);
    if (unused >= 0) throw new GradError(`${name}: the output does not depend on input ${unused}; leave strict out to get zeros for it`);
  }
  return lifted;
}

function needScalar(name: string, { outputs }: Lifted): Tensor {
  if (outputs.length !== 1 || outputs[0].numel !== 1)
    throw new ShapeError(
      `${name}: the function gave ${outputs.length} tensor(s), the first of shape ${show(outputs[0].shape)}; it must give one number`,
    );
  return outputs[0];
}

const finish = <T>(tree: T, createGraph: boolean | undefined): T => (createGraph ? tree : cutOff(tree));

/**
 * The Jacobian of `fn(...inputs)`: a tensor [...output, ...input] for one input, a list of them for several; for several outputs a list of that.
 */
export function jacobian<I extends Inputs>(fn: FunctionOf<I, Tensor>, inputs: I, options?: FunctionalOptions): PerInput<I>;
export function jacobian<I extends Inputs>(fn: FunctionOf<I, readonly Tensor[]>, inputs: I, options?: FunctionalOptions): PerInput<I>[];
export function jacobian(fn: (...xs: Tensor[]) => unknown, inputs: Inputs, options: FunctionalOptions = {}): unknown {
  const lifted = start('jacobian', fn, inputs, options);
  const rows = reverseBlocks(lifted, options.createGraph ?? false).map((row) => like(inputs, row));
  return finish(fillTree(lifted.result, rows), options.createGraph);
}

/** The Hessian of `fn(...inputs)`, which must be one number: a tensor for one input, blocks [i][j] for several. */
export function hessian<I extends Inputs>(fn: FunctionOf<I, Tensor>, inputs: I, options: FunctionalOptions = {}): PerPair<I> {
  const lifted = start('hessian', fn as (...xs: Tensor[]) => Tensor, inputs, options);
  const first = pullBack(lifted, [onesFor(needScalar('hessian', lifted))], true, true);
  const blocks = reverseBlocks({ ...lifted, outputs: first }, options.createGraph ?? false);
  return finish(inputs instanceof Tensor ? blocks[0][0] : blocks, options.createGraph) as PerPair<I>;
}

const onesFor = (t: Tensor): Tensor => zerosLike(t).add(1);

function given(name: string, v: Inputs | undefined, wanted: readonly Tensor[]): Tensor[] {
  if (v !== undefined) return matching(name, 'v', v, wanted);
  if (wanted.length !== 1 || wanted[0].numel !== 1)
    throw new ShapeError(
      `${name}: v may be left out only where it is one number; give tensors of shape ${wanted.map((t) => show(t.shape)).join(', ')}`,
    );
  return [onesFor(wanted[0])];
}

/** [fn(...inputs), vᵀJ]: `v` has the form of the output and may be left out for one number. */
export function vjp<I extends Inputs, R>(fn: FunctionOf<I, R>, inputs: I, v?: Inputs, options: FunctionalOptions = {}): [R, PerInput<I>] {
  const lifted = start('vjp', fn as (...xs: Tensor[]) => R, inputs, options);
  const grads = pullBack(lifted, given('vjp', v, lifted.outputs), options.createGraph ?? false, false);
  return finish([lifted.result, like(inputs, grads)], options.createGraph) as [R, PerInput<I>];
}

/** [fn(...inputs), J v]: `v` has the form of the inputs and may be left out for one number. */
export function jvp<I extends Inputs, R>(fn: FunctionOf<I, R>, inputs: I, v?: Inputs, options: FunctionalOptions = {}): [R, R] {
  const lifted = start('jvp', fn as (...xs: Tensor[]) => R, inputs, options);
  const moved = pushForward(lifted)(given('jvp', v, lifted.inputs), options.createGraph ?? false);
  return finish([lifted.result, fillTree(lifted.result, moved)], options.createGraph) as [R, R];
}

function hessianProduct(
  name: string,
  fn: (...xs: Tensor[]) => Tensor,
  inputs: Inputs,
  v: Inputs | undefined,
  options: FunctionalOptions,
): [Tensor, Tensor | Tensor[]] {
  const lifted = start(name, fn, inputs, options);
  const value = needScalar(name, lifted);
  const first = pullBack(lifted, [onesFor(value)], true, true);
  const product = pullBack(
    { ...lifted, outputs: first },
    given(name, v, lifted.inputs),
    options.createGraph ?? false,
    options.createGraph ?? false,
  );
  return finish([value, like(inputs, product)], options.createGraph);
}

/** [fn(...inputs), H v] for a function that gives one number; `v` has the form of the inputs. H is symmetric, so this is vhp too. */
export const hvp = <I extends Inputs>(
  fn: FunctionOf<I, Tensor>,
  inputs: I,
  v?: Inputs,
  options: FunctionalOptions = {},
): [Tensor, PerInput<I>] => hessianProduct('hvp', fn as (...xs: Tensor[]) => Tensor, inputs, v, options) as [Tensor, PerInput<I>];
/** [fn(...inputs), vᵀH] for a function that gives one number; `v` has the form of the inputs. */
export const vhp = <I extends Inputs>(
  fn: FunctionOf<I, Tensor>,
  inputs: I,
  v?: Inputs,
  options: FunctionalOptions = {},
): [Tensor, PerInput<I>] => hessianProduct('vhp', fn as (...xs: Tensor[]) => Tensor, inputs, v, options) as [Tensor, PerInput<I>];
