// Reverse mode: an iterative sweep over the recorded nodes, latest first.

import { GradError, ShapeError, ValueError } from '../runtime/errors.ts';
import { collecting, type Disposable, track } from '../runtime/memory.ts';
import { sweeps } from '../runtime/runtime.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { anomalyEnabled, checkBackward } from './anomaly.ts';
import { setGradEnabled } from './mode.ts';
import { type Edge, edgeOf, type GradNode } from './node.ts';

/** What the engine needs of the operations; set by src/ops/index.ts so that autograd does not import the operations. */
export interface GradOps {
  add(a: Tensor, b: Tensor): Tensor;
  addInPlace(a: Tensor, b: Tensor): void;
  /** A tensor of the same shape and dtype with one value everywhere. */
  fill(like: Tensor, value: number): Tensor;
  zeros(shape: Shape, dtype: DType): Tensor;
  clone(a: Tensor): Tensor;
  cast(a: Tensor, dtype: Tensor['dtype']): Tensor;
}
export const gradOps: { ops: GradOps | null } = { ops: null };

export interface BackwardOptions {
  /** Keep the saved tensors so that backward can run again. Default: the value of createGraph. */
  retainGraph?: boolean;
  /** Record the backward pass itself, for higher derivatives. */
  createGraph?: boolean;
}

/** Nodes that the roots depend on, latest first. */
function reachable(roots: readonly GradNode[]): GradNode[] {
  const seen = new Set<GradNode>(roots);
  const stack = [...seen];
  const out: GradNode[] = [];
  let sorted = true;
  while (stack.length > 0) {
    const n = stack.pop() as GradNode;
    if (out.length > 0 && out[out.length - 1].sequence < n.sequence) sorted = false;
    out.push(n);
    for (const e of n.edges) {
      if (e !== null && e.node !== null && !seen.has(e.node)) {
        seen.add(e.node);
        stack.push(e.node);
      }
    }
  }
  return sorted ? out : out.sort((a, b) => b.sequence - a.sequence);
}

/** A gradient on its way. */
export interface Pending {
  grad: Tensor;
  /** The engine alone holds this handle: it releases it, and may change its elements where no other handle shows them. */
  owned: boolean;
}

/** Another handle of the same elements, without history. */
const sameElements = (t: Tensor): Tensor => new Tensor(t.storage, t.shape, t.strides, t.offset, t.dtype);

/** Takes a handle out of the list; false when it is not there. The newest is likely the one. */
function takeFrom(list: (Disposable | null)[], handle: Disposable): boolean {
  const at = list.lastIndexOf(handle);
  if (at < 0) return false;
  list[at] = null;
  return true;
}

/** Gives a gradient to user code: from now on the scope that is open releases it, not the engine. */
function handOut(p: Pending): Tensor {
  if (p.owned) track(p.grad);
  p.owned = false;
  return p.grad;
}

/** Keeps only the nodes from which one of `targets` can be reached. */
function towards(nodes: readonly GradNode[], targets: ReadonlySet<GradNode>, leaves: ReadonlySet<Tensor>): Set<GradNode> {
  const useful = new Set<GradNode>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    if (
      n.edges.some(
        (e) => e !== null && (e.leaf !== null ? leaves.has(e.leaf) : useful.has(e.node as GradNode) || targets.has(e.node as GradNode)),
      )
    )
      useful.add(n);
  }
  return useful;
}

/** What a sweep is asked for: gradients of these edges in place of `.grad` of the leaves. */
export type Target = Edge;

/** A leaf whose hooks must see the whole gradient: contributions gather until every edge towards the leaf is settled. */
interface Watched {
  pending: Pending | null;
  /** Edges of nodes that have not run yet. */
  missing: number;
}

/** One run of backward. */
class Sweep {
  readonly #ops = gradOps.ops as GradOps;
  readonly #createGraph: boolean;
  readonly #retainGraph: boolean;
  readonly #targets: readonly Target[] | null;
  readonly #since: number;
  readonly #pending = new Map<GradNode, (Pending | null)[]>();
  readonly #watched = new Map<Tensor, Watched>();
  readonly #wanted = new Map<GradNode, { nr: number; at: number }[]>();
  readonly #wantedLeaves = new Map<Tensor, number[]>();
  readonly captured: (Tensor | null)[];

  constructor(options: BackwardOptions, targets: readonly Target[] | null, since: number) {
    this.#since = since;
    this.#createGraph = options.createGraph ?? false;
    this.#retainGraph = options.retainGraph ?? this.#createGraph;
    this.#targets = targets;
    this.captured = targets === null ? [] : targets.map(() => null);
    targets?.forEach((e, at) => {
      if (e.leaf !== null) this.#wantedLeaves.set(e.leaf, [...(this.#wantedLeaves.get(e.leaf) ?? []), at]);
      else this.#wanted.set(e.node as GradNode, [...(this.#wanted.get(e.node as GradNode) ?? []), { nr: e.nr, at }]);
    });
  }

  run(roots: readonly Edge[], cotangents: readonly Pending[]): (Tensor | null)[] {
    const before = setGradEnabled(this.#createGraph);
    sweeps.running++;
    try {
      const nodes = reachable(roots.flatMap((e) => (e.node === null ? [] : [e.node])));
      const useful = this.#targets === null ? null : towards(nodes, new Set(this.#wanted.keys()), new Set(this.#wantedLeaves.keys()));
      const mayRun = (node: GradNode): boolean => node.sequence >= this.#since && (useful === null || useful.has(node));
      for (const node of nodes) {
        if (!mayRun(node)) continue;
        for (const e of node.edges) if (e !== null && e.leaf !== null) this.#watch(e.leaf);
      }
      roots.forEach((e, i) => {
        this.#deliver(e, cotangents[i].grad, cotangents[i].owned && !this.#createGraph);
      });
      for (const node of nodes) {
        const list = this.#pending.get(node);
        const runs = mayRun(node);
        if (list !== undefined) {
          this.#pending.delete(node);
          this.#arrive(node, list);
          if (runs) this.#runNode(node, list);
        }
        // also of nodes that no gradient reached
        if (runs && !this.#retainGraph) {
          node.release();
          node.done = true;
        }
        if (runs && this.#watched.size > 0) this.#settle(node);
      }
      for (const [leaf, w] of this.#watched) if (w.pending !== null) this.#finish(leaf, w.pending);
    } finally {
      sweeps.running--;
      setGradEnabled(before);
    }
    return this.captured;
  }

  #watch(leaf: Tensor): void {
    if (!leaf.hasHooks || this.#since > 0) return;
    const w = this.#watched.get(leaf);
    if (w === undefined) this.#watched.set(leaf, { pending: null, missing: 1 });
    else w.missing++;
  }

  /** After `node` has run: leaves that wait for no other node get their gradient. */
  #settle(node: GradNode): void {
    for (const e of node.edges) {
      if (e === null || e.leaf === null) continue;
      const w = this.#watched.get(e.leaf);
      if (w === undefined || --w.missing > 0) continue;
      this.#watched.delete(e.leaf);
      if (w.pending !== null) this.#finish(e.leaf, w.pending);
    }
  }

  /** The gradients of a node's results are complete: hooks, retained gradients, captured ones. */
  #arrive(node: GradNode, list: (Pending | null)[]): void {
    for (let nr = 0; nr < list.length; nr++) {
      const p = list[nr];
      if (p === null || p === undefined) continue;
      for (const hook of node.sequence < this.#since ? [] : [...(node.hooks?.get(nr) ?? [])])
        p.grad = checkHook(node.outputs[nr].shape, hook(handOut(p))) ?? p.grad;
      const kept = node.retained?.get(nr);
      if (kept !== undefined && this.#targets === null) {
        const old = kept.gradInternal;
        kept.grad = old === null ? handOut(p) : this.#ops.add(old, p.grad);
      }
    }
    for (const w of this.#wanted.get(node) ?? []) {
      const p = list[w.nr];
      if (p !== null && p !== undefined) this.captured[w.at] = this.#capture(p);
    }
  }

  #runNode(node: GradNode, list: readonly (Pending | null)[]): void {
    const saved = node.savedTensors();
    const made: Disposable[] = [];
    const early = !this.#createGraph && !node.user;
    if (!early) for (const p of list) if (p?.owned) handOut(p);
    const grads = new Array<Tensor | null>(list.length);
    for (let i = 0; i < list.length; i++) grads[i] = list[i]?.grad ?? null;
    const results = early ? collecting(made, () => node.vjp(grads, saved, node)) : node.vjp(grads, saved, node);
    if (anomalyEnabled()) checkBackward(node, results);
    // The handles that the engine owns here: each is delivered or released; one that serves several edges is shown by other handles.
    const mine: (Disposable | null)[] = made;
    if (early) for (const p of list) if (p?.owned) mine.push(p.grad);
    const { edges } = node;
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i];
      const g = results[i];
      if (edge === null || g === null || g === undefined) continue;
      if (!early) this.#deliver(edge, g, false);
      else if (results.indexOf(g, i + 1) < 0 && takeFrom(mine, g)) this.#deliver(edge, g, true);
      else this.#deliver(edge, sameElements(g), true);
    }
    for (const h of mine) h?.dispose();
  }

  #deliver(edge: Edge, given: Tensor, givenOwned: boolean): void {
    let [grad, owned] = [given, givenOwned];
    const leaf = edge.leaf;
    if (leaf !== null) {
      if (leaf.dtype !== grad.dtype) {
        grad = this.#ops.cast(given, leaf.dtype);
        if (owned) given.dispose();
        owned = !this.#createGraph;
      }
      const w = this.#watched.get(leaf);
      if (w === undefined) this.#finish(leaf, { grad, owned });
      else w.pending = w.pending === null ? { grad, owned } : this.#addTo(w.pending, grad, owned);
      return;
    }
    const node = edge.node as GradNode;
    let list = this.#pending.get(node);
    if (list === undefined) this.#pending.set(node, (list = new Array<Pending | null>(node.outputs.length).fill(null)));
    const old = list[edge.nr];
    list[edge.nr] = old === null || old === undefined ? { grad, owned } : this.#addTo(old, grad, owned);
  }

  #addTo(old: Pending, grad: Tensor, owned: boolean): Pending {
    if (!this.#createGraph && old.owned && old.grad.contiguousNow && old.grad.storage.refs === 1) {
      this.#ops.addInPlace(old.grad, grad);
      if (owned) grad.dispose();
      return old;
    }
    const sum = this.#ops.add(old.grad, grad);
    if (old.owned) old.grad.dispose();
    if (owned) grad.dispose();
    return { grad: sum, owned: !this.#createGraph };
  }

  /** Hooks of a leaf, then its `.grad` or the place of a target. */
  #finish(leaf: Tensor, p: Pending): void {
    for (const hook of this.#since > 0 ? [] : [...(leaf.hooks ?? [])]) p.grad = checkHook(leaf.shape, hook(handOut(p))) ?? p.grad;
    if (this.#targets !== null) {
      const places = this.#wantedLeaves.get(leaf);
      for (const at of places ?? []) {
        const old = this.captured[at];
        this.captured[at] = old === null ? this.#capture(p) : this.#ops.add(old, p.grad);
      }
      if (p.owned) p.grad.dispose();
      return;
    }
    this.#accumulate(leaf, p);
    for (const hook of [...(leaf.postHooks ?? [])]) hook(leaf);
  }

  /** A gradient as a result of the sweep. A handle that the engine does not own may be the caller's own tensor: it is not given back itself. */
  #capture(p: Pending): Tensor {
    return p.owned || this.#createGraph ? handOut(p) : sameElements(p.grad);
  }

  #accumulate(leaf: Tensor, { grad, owned }: Pending): void {
    const old = leaf.gradInternal;
    if (old !== null) {
      if (this.#createGraph || old.requiresGrad || !old.contiguousNow) leaf.gradInternal = this.#ops.add(old, grad);
      else this.#ops.addInPlace(old, grad);
      if (owned) grad.dispose();
      return;
    }
    // Take the gradient over when nobody else shows its storage, so that no copy is made.
    if (this.#createGraph || (owned && grad.contiguousNow && grad.storage.refs === 1)) {
      leaf.gradInternal = grad;
      if (!owned) leaf.exposeGrad();
      return;
    }
    leaf.gradInternal = this.#ops.clone(grad);
    if (owned) grad.dispose();
  }
}

/** What a hook gave: a tensor of the gradient's shape, or nothing. */
function checkHook(shape: Shape, got: unknown): Tensor | null {
  if (got === undefined || got === null) return null;
  if (!(got instanceof Tensor)) throw new GradError(`hook: must return a tensor or nothing, got ${typeof got}`);
  if (!sameShape(got.shape, shape))
    throw new ShapeError(`hook: returned a gradient of shape ${show(got.shape)}; the tensor's shape is ${show(shape)}`);
  return got;
}

/**
 * Gradients of `roots`, weighted by `cotangents`, at the targets; into `.grad` of the leaves when there are none. With `since`, nodes older
 * than that belong to another sweep: they may be targets, but neither they nor the hooks of leaves run.
 */
export function sweep(
  roots: readonly Edge[],
  cotangents: readonly Pending[],
  options: BackwardOptions,
  targets: readonly Target[] | null,
  since = 0,
): (Tensor | null)[] {
  return new Sweep(options, targets, since).run(roots, cotangents);
}

/** The gradient that a sweep starts with. */
function startCotangent(what: string, t: Tensor, given: Tensor | null | undefined): Pending {
  const ops = gradOps.ops as GradOps;
  if (!t.requiresGrad)
    throw new GradError(
      `${what}: the tensor of shape ${show(t.shape)} does not require gradients; set requiresGrad on an input, and do not compute it inside noGrad()`,
    );
  if (given === null || given === undefined) {
    if (t.numel !== 1)
      throw new GradError(
        `${what}: a tensor of shape ${show(t.shape)} is no scalar; reduce it (sum, mean) or give a gradient of its shape`,
      );
    return { grad: ops.fill(t, 1), owned: true };
  }
  if (!sameShape(given.shape, t.shape))
    throw new ShapeError(`${what}: the gradient has shape ${show(given.shape)}, but the tensor has ${show(t.shape)}`);
  return given.dtype === t.dtype ? { grad: given, owned: false } : { grad: ops.cast(given, t.dtype), owned: true };
}

/** Accumulates into `.grad` of every leaf the derivative of `t` (a scalar, or weighted by `gradient`). */
export function backward(t: Tensor, options: BackwardOptions & { gradient?: Tensor | null } = {}): void {
  const start = startCotangent('backward', t, options.gradient);
  sweep([edgeOf(t)], [start], options, null);
}

export interface GradOptions extends BackwardOptions {
  /** Weights of the outputs; a scalar output needs none. */
  gradOutputs?: readonly (Tensor | null)[] | Tensor;
  /** Give null for an input that the outputs do not depend on, in place of an error. */
  allowUnused?: boolean;
  /** Give zeros for an input that the outputs do not depend on. */
  materializeGrads?: boolean;
}

/**
 * Gradients of the outputs (weighted by gradOutputs) with respect to the inputs, without touching `.grad`. An input that the outputs
 * do not depend on is a GradError; it gives null with `allowUnused`, zeros with `materializeGrads`.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { materializeGrads: true },
): Tensor[];
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options?: GradOptions): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const outs = outputs instanceof Tensor ? [outputs] : [...outputs];
  const ins = inputs instanceof Tensor ? [inputs] : [...inputs];
  const given = options.gradOutputs instanceof Tensor ? [options.gradOutputs] : (options.gradOutputs ?? []);
  if (options.gradOutputs !== undefined && given.length !== outs.length)
    throw new ValueError(`grad: ${given.length} gradOutputs for ${outs.length} output(s); give one for each (null for a scalar)`);
  for (const t of ins)
    if (!t.requiresGrad)
      throw new GradError(`grad: an input of shape ${show(t.shape)} does not require gradients; set requiresGrad before it is used`);
  const starts = outs.map((t, i) => startCotangent('grad', t, given[i]));
  const result = sweep(outs.map(edgeOf), starts, options, ins.map(edgeOf));
  const ops = gradOps.ops as GradOps;
  return result.map((g, i) => {
    if (g !== null) return g;
    if (options.materializeGrads) return ops.fill(ins[i], 0);
    if (options.allowUnused) return null;
    throw new GradError(
      `grad: the output does not depend on input ${i} of shape ${show(ins[i].shape)}; pass { allowUnused: true } to get null for it, or { materializeGrads: true } for zeros`,
    );
  });
}
