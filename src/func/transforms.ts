// Transforms of functions: gradient, vector-Jacobian and Jacobian-vector products. They give functions or results that can be transformed again.

import { grad as gradOf } from '../autograd/engine.ts';
import { isGradEnabled } from '../autograd/mode.ts';
import { zerosLike } from '../ops/create.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Argnums, cutOff, type Lifted, lift, positions } from './lift.ts';
import { fillTree, leaves } from './tree.ts';

/** What a transform with `argnums` gives for the arguments `A`: for one number the form of that argument, for a list an array of them. */
export type OfArguments<A extends readonly unknown[], N extends Argnums> = N extends number
  ? A[N]
  : N extends readonly number[]
    ? { [K in keyof N]: N[K] extends number ? A[N[K]] : never }
    : never;

export interface GradTransformOptions<N extends Argnums = number, Aux extends boolean = boolean> {
  /** The argument, or arguments, to differentiate with respect to. Default 0. */
  argnums?: N;
  /** The function gives [value, anything else]; the rest is passed through. */
  hasAux?: Aux;
}

/** Brings gradients, which come in the order of the arguments, into the form and order of the chosen ones. */
export function inForm(args: readonly unknown[], argnums: Argnums, at: readonly number[], list: readonly unknown[]): unknown {
  const counts = args.map((a, i) => (at.includes(i) ? leaves(a).length : 0));
  const forms = at.map((i) => {
    const start = counts.slice(0, i).reduce((n, c) => n + c, 0);
    return fillTree(args[i], list.slice(start, start + counts[i]));
  });
  return typeof argnums === 'number' ? forms[0] : forms;
}

type AnyFunction = (...args: never[]) => unknown;

function differentiate(
  name: string,
  fn: AnyFunction,
  args: readonly unknown[],
  { argnums = 0, hasAux = false }: GradTransformOptions<Argnums>,
) {
  const at = positions(name, argnums, args.length);
  let aux: unknown;
  const valued: AnyFunction = (...given) => {
    const r = fn(...given);
    if (!hasAux) return r;
    if (!Array.isArray(r) || r.length !== 2) throw new ValueError(`${name}: with hasAux the function must give [value, aux]`);
    aux = r[1];
    return r[0];
  };
  const { inputs, outputs, outer } = lift(name, valued, args, at);
  const value = outputs[0];
  if (outputs.length !== 1 || value.ndim !== 0)
    throw new ShapeError(
      `${name}: the function gave ${outputs.length === 1 ? `a tensor of shape ${show(value.shape)}` : `${outputs.length} tensors`}; it must give one 0-d tensor (use sum or mean), or take jacrev`,
    );
  const grads = value.requiresGrad
    ? gradOf(value, inputs, { createGraph: outer, materializeGrads: true })
    : inputs.map((t) => zerosLike(t));
  return {
    grads: inForm(args, argnums, at, outer ? grads : cutOff(grads)),
    value: outer ? value : cutOff(value),
    aux: outer ? aux : cutOff(aux),
  };
}

/**
 * A function that gives the gradient of `fn`, which maps to a 0-d tensor, with respect to the arguments `argnums`, in their form (tensors
 * in arrays and objects included). Nest it for higher derivatives.
 */
export function grad<A extends readonly unknown[], const N extends Argnums = 0, Aux extends boolean = false>(
  fn: (...args: A) => Aux extends true ? readonly [Tensor, unknown] : Tensor,
  options: GradTransformOptions<N, Aux> = {},
): (...args: A) => Aux extends true ? [OfArguments<A, N>, unknown] : OfArguments<A, N> {
  return (...args) => {
    const r = differentiate('grad', fn as AnyFunction, args, options);
    return (options.hasAux ? [r.grads, r.aux] : r.grads) as never;
  };
}

/** As grad, but the function gives [gradient, value], or [gradient, [value, aux]] with `hasAux`. */
export function gradAndValue<A extends readonly unknown[], const N extends Argnums = 0, Aux extends boolean = false>(
  fn: (...args: A) => Aux extends true ? readonly [Tensor, unknown] : Tensor,
  options: GradTransformOptions<N, Aux> = {},
): (...args: A) => [OfArguments<A, N>, Aux extends true ? [Tensor, unknown] : Tensor] {
  return (...args) => {
    const r = differentiate('gradAndValue', fn as AnyFunction, args, options);
    return [r.grads, options.hasAux ? [r.value, r.aux] : r.value] as never;
  };
}

/** As gradAndValue, the other way round: [value, gradient]. */
export function valueAndGrad<A extends readonly unknown[], const N extends Argnums = 0, Aux extends boolean = false>(
  fn: (...args: A) => Aux extends true ? readonly [Tensor, unknown] : Tensor,
  options: GradTransformOptions<N, Aux> = {},
): (...args: A) => [Aux extends true ? [Tensor, unknown] : Tensor, OfArguments<A, N>] {
  return (...args) => {
    const r = differentiate('valueAndGrad', fn as AnyFunction, args, options);
    return [options.hasAux ? [r.value, r.aux] : r.value, r.grads] as never;
  };
}

/** The tensors of `given`, which must have the shapes of `like`. */
export function matching(name: string, what: string, given: unknown, like: readonly Tensor[]): Tensor[] {
  const list = leaves(given);
  if (list.length !== like.length) throw new ValueError(`${name}: ${what} holds ${list.length} tensor(s); expected ${like.length}`);
  list.forEach((t, i) => {
    if (!sameShape(t.shape, like[i].shape))
      throw new ShapeError(`${name}: tensor ${i} of ${what} has shape ${show(t.shape)}; expected ${show(like[i].shape)}`);
  });
  return list;
}

/** Gradients of lifted outputs with given weights; zeros where nothing arrives. */
export function pullBack({ inputs, outputs }: Lifted, weights: readonly Tensor[], createGraph: boolean, retainGraph: boolean): Tensor[] {
  const used = outputs.map((_, i) => i).filter((i) => outputs[i].requiresGrad);
  if (used.length === 0) return inputs.map((t) => zerosLike(t));
  return gradOf(
    used.map((i) => outputs[i]),
    inputs,
    { gradOutputs: used.map((i) => weights[i]), createGraph, retainGraph, materializeGrads: true },
  );
}

/**
 * The value of `fn(...primals)` and the function that takes cotangents, in the value's form, to the list of gradients of the primals. It
 * may be called several times.
 */
export function vjp<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  ...primals: A
): [R, (cotangents: R) => { -readonly [K in keyof A]: A[K] }] {
  const at = primals.map((_, i) => i);
  const lifted = lift('vjp', fn as AnyFunction, primals, at);
  const back = (cotangents: R) => {
    const weights = matching('vjp', 'the cotangents', cotangents, lifted.outputs);
    const createGraph = isGradEnabled() && (lifted.outer || weights.some((w) => w.requiresGrad));
    const grads = pullBack(lifted, weights, createGraph, true);
    return inForm(primals, at, at, createGraph ? grads : cutOff(grads)) as { -readonly [K in keyof A]: A[K] };
  };
  return [(lifted.outer ? lifted.result : cutOff(lifted.result)) as R, back];
}

/**
 * The linear map of tangents to tangents at a point, by differentiating backward twice: the gradients J'u are linear in the dummy weights u,
 * so their derivative in direction v with respect to u is J v.
 */
export function pushForward(lifted: Lifted): (tangents: readonly Tensor[], createGraph: boolean) => Tensor[] {
  const { outputs } = lifted;
  const dummies = outputs.map((t) => zerosLike(t).requiresGrad_());
  const back = pullBack(lifted, dummies, true, true);
  const used = back.map((_, i) => i).filter((i) => back[i].requiresGrad);
  return (tangents, createGraph) => {
    const zero = (i: number): Tensor => zerosLike(outputs[i]);
    if (used.length === 0) return outputs.map((_, i) => zero(i));
    const r = gradOf(
      used.map((i) => back[i]),
      dummies,
      { gradOutputs: used.map((i) => tangents[i]), createGraph, retainGraph: true, allowUnused: true },
    );
    return r.map((t, i) => t ?? zero(i));
  };
}

/** The value of `fn(...primals)` and its derivative in the direction of the tangents (one for each primal, in its form). */
export function jvp<A extends readonly unknown[], R>(fn: (...args: A) => R, primals: A, tangents: A): [R, R] {
  const at = primals.map((_, i) => i);
  const lifted = lift('jvp', fn as AnyFunction, primals, at);
  const v = matching('jvp', 'the tangents', tangents, lifted.inputs);
  const createGraph = isGradEnabled() && (lifted.outer || v.some((t) => t.requiresGrad));
  const moved = fillTree(lifted.result, pushForward(lifted)(v, createGraph)) as R;
  return [(lifted.outer ? lifted.result : cutOff(lifted.result)) as R, createGraph ? moved : cutOff(moved)];
}
