// Functions with a gradient of their own: a class with `forward` and `backward`, or the two as plain functions.

import { GradError, ShapeError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type GradOps, gradOps } from './engine.ts';
import { isGradEnabled, noGrad } from './mode.ts';
import { attach, GradNode, mustRecord, record, type Vjp } from './node.ts';

/** What `forward` may give: one tensor, or several. */
export type FunctionResult = Tensor | readonly Tensor[];
/** A gradient for an argument; nothing for arguments that are no tensors or need none. */
export type FunctionGradient = Tensor | null | undefined;

/** Carries what `backward` needs from `forward` to it. `State` is the type of what is kept besides tensors. */
export interface FunctionContext<State = unknown> {
  /** Keeps tensors for `backward`, which finds them in `savedTensors`. Changing one in place afterwards is an error. */
  saveForBackward(...tensors: Tensor[]): void;
  /** The saved tensors, in backward. */
  readonly savedTensors: readonly Tensor[];
  /** For each argument of `forward`: whether its gradient is wanted. */
  readonly needsInputGrad: readonly boolean[];
  /** Declares results that have no gradient. Results of integer dtype never have one. */
  markNonDifferentiable(...results: Tensor[]): void;
  /** With `false`, `backward` gets null, not zeros, for results that no gradient reached. */
  setMaterializeGrads(on: boolean): void;
  /** Anything that is no tensor: set it in `forward`, read it in `backward`. */
  state: State;
}

/** The two halves of a custom function. A method signature, so that `forward` may take any arguments. */
export interface FunctionDefinition<A extends readonly unknown[], R extends FunctionResult, S> {
  readonly name: string;
  forward(ctx: FunctionContext<S>, ...args: A): R;
  /** Takes one gradient for each result and gives one for each argument of `forward`. */
  backward(ctx: FunctionContext<S>, ...grads: Tensor[]): FunctionGradient | readonly FunctionGradient[];
  /** `backward` is not differentiable itself: a second derivative is an error in place of a wrong number. */
  readonly onceDifferentiable?: boolean;
}

class Context<S> implements FunctionContext<S> {
  readonly name: string;
  readonly needsInputGrad: readonly boolean[];
  saved: readonly Tensor[] | null = [];
  readonly flat = new Set<Tensor>();
  materialize = true;
  state!: S;

  constructor(name: string, needs: readonly boolean[]) {
    this.name = name;
    this.needsInputGrad = needs;
  }

  saveForBackward(...tensors: Tensor[]): void {
    tensors.forEach((t, i) => {
      if (!(t instanceof Tensor))
        throw new GradError(`${this.name}: saveForBackward takes tensors, argument ${i} is ${typeof t}; put other values into ctx.state`);
    });
    this.saved = tensors;
  }

  get savedTensors(): readonly Tensor[] {
    if (this.saved === null)
      throw new GradError(`${this.name}: savedTensors are there while backward runs only; copy what you need out of it`);
    return this.saved;
  }

  markNonDifferentiable(...results: Tensor[]): void {
    for (const t of results) this.flat.add(t);
  }

  setMaterializeGrads(on: boolean): void {
    this.materialize = on;
  }
}

const listOf = (name: string, what: string, r: unknown): unknown[] => {
  if (r instanceof Promise) throw new GradError(`${name}: ${what} is async; it must give its result at once`);
  return Array.isArray(r) ? [...r] : [r];
};

/** The gradients that `backward` gave, checked against the arguments. */
function checkGradients(
  name: string,
  given: readonly unknown[],
  inputs: readonly (Tensor | null)[],
  shapes: readonly (Shape | null)[],
  node: GradNode,
): (Tensor | null)[] {
  const ops = gradOps.ops as GradOps;
  if (given.length !== inputs.length)
    throw new GradError(
      `${name}: backward gave ${given.length} gradient(s), but forward takes ${inputs.length} argument(s); give null where there is none`,
    );
  return given.map((g, i) => {
    if (g === null || g === undefined || !node.needs(i)) return null;
    if (!(g instanceof Tensor)) throw new GradError(`${name}: backward gave ${typeof g} as gradient ${i}; give a tensor or null`);
    const shape = shapes[i] as Shape;
    if (!sameShape(g.shape, shape))
      throw new ShapeError(`${name}: backward gave a gradient of shape ${show(g.shape)} for argument ${i}, whose shape is ${show(shape)}`);
    return isFloating(g.dtype) ? g : ops.cast(g, 'float32');
  });
}

function call<A extends readonly unknown[], R extends FunctionResult, S>(def: FunctionDefinition<A, R, S>, args: A): R {
  const name = def.name;
  const ops = gradOps.ops as GradOps;
  const inputs = args.map((a) => (a instanceof Tensor ? a : null));
  const recording = mustRecord(inputs);
  const ctx = new Context<S>(
    name,
    inputs.map((t) => recording && t?.requiresGrad === true),
  );
  const versions = inputs.map((t) => t?.storage.version);
  const result = noGrad(() => def.forward(ctx, ...args));
  const outs = listOf(name, 'forward', result).map((t, i) => {
    if (!(t instanceof Tensor))
      throw new GradError(`${name}: forward gave ${t === null ? 'null' : typeof t} as result ${i}; it must give tensors`);
    // a result that shows an argument's memory would share its history
    return recording && inputs.some((x) => x?.storage === t.storage) ? noGrad(() => ops.clone(t)) : t;
  });
  inputs.forEach((t, i) => {
    if (t !== null && t.storage.version !== versions[i])
      throw new GradError(`${name}: forward changed argument ${i} in place; clone() it first`);
  });
  const saved = ctx.savedTensors;
  ctx.saved = null;
  const given = (Array.isArray(result) ? outs : outs[0]) as unknown as R;
  if (!recording) return given;

  const differentiable = outs.map((t) => isFloating(t.dtype) && !ctx.flat.has(t));
  const places = differentiable.map((d, i) => (d ? differentiable.slice(0, i).filter(Boolean).length : -1));
  const like = outs.map((t) => ({ shape: t.shape, dtype: t.dtype }));
  const shapes = inputs.map((t) => t?.shape ?? null);
  const vjp: Vjp = (gs, kept, node) => {
    const arrived = like.map((l, i) => {
      const g = places[i] < 0 ? null : gs[places[i]];
      return g === null && ctx.materialize ? ops.zeros(l.shape, l.dtype) : (g as Tensor);
    });
    ctx.saved = kept;
    const second = def.onceDifferentiable === true && isGradEnabled();
    try {
      const run = (): unknown => def.backward(ctx, ...arrived);
      const grads = checkGradients(name, listOf(name, 'backward', second ? noGrad(run) : run()), inputs, shapes, node);
      return second ? sealed(name, grads, [...arrived, ...kept]) : grads;
    } finally {
      ctx.saved = null;
    }
  };
  const node = new GradNode(name, inputs, [], vjp, true);
  outs.forEach((t, i) => {
    if (differentiable[i]) attach(t, node);
  });
  node.setSaved(saved);
  return given;
}

/** Gradients whose own derivative is refused. */
function sealed(name: string, grads: readonly (Tensor | null)[], inputs: readonly (Tensor | null)[]): (Tensor | null)[] {
  if (!mustRecord(inputs)) return [...grads];
  const shown = grads.map((g) => (g === null ? null : new Tensor(g.storage, g.shape, g.strides, g.offset, g.dtype)));
  record(
    `${name}Backward`,
    inputs,
    shown.filter((g) => g !== null),
    [],
    () => {
      throw new GradError(
        `${name}: is differentiable once only; write backward in differentiable operations and leave onceDifferentiable out`,
      );
    },
  );
  return shown;
}

/**
 * Base class of functions with a gradient of their own: extend it, write static `forward(ctx, ...args)` and `backward(ctx, ...grads)`, and call
 * `apply(...args)`. Set `static onceDifferentiable = true` when `backward` uses more than differentiable operations.
 */
// biome-ignore lint/complexity/noStaticOnlyClass: a class is what PyTorch's users expect here
export abstract class CustomFunction {
  static readonly apply = applyThis;
}

function applyThis<A extends readonly unknown[], R extends FunctionResult, S>(this: FunctionDefinition<A, R, S>, ...args: A): R {
  return call(this, args);
}

/** A function with a gradient of its own, from its two halves. */
export function customFunction<A extends readonly unknown[], R extends FunctionResult, S = unknown>(
  definition: FunctionDefinition<A, R, S>,
): (...args: A) => R {
  return (...args) => call(definition, args);
}
