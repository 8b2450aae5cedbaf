// Reverse mode: an iterative sweep over the recorded nodes, latest first.

import { GradError, ShapeError } from '../runtime/errors.ts';
import { collecting, type Disposable } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { setGradEnabled } from './mode.ts';
import { type Edge, edgeOf, type GradNode } from './node.ts';

/** What the engine needs of the operations; set by src/ops/index.ts so that autograd does not import the operations. */
export interface GradOps {
  add(a: Tensor, b: Tensor): Tensor;
  addInPlace(a: Tensor, b: Tensor): void;
  ones(like: Tensor): Tensor;
  clone(a: Tensor): Tensor;
  cast(a: Tensor, dtype: Tensor['dtype']): Tensor;
  hasNaN(a: Tensor): boolean;
}
export const gradOps: { ops: GradOps | null } = { ops: null };

let anomaly = false;
/** While `fn` runs, backward checks every gradient and names the first operation that made a NaN. */
export function detectAnomaly<T>(fn: () => T): T {
  const old = anomaly;
  anomaly = true;
  try {
    return fn();
  } finally {
    anomaly = old;
  }
}

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

interface Pending {
  grad: Tensor;
  /** Made by the engine and not seen by user code: may be changed in place and released. */
  owned: boolean;
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

function sweep(
  roots: readonly Tensor[],
  cotangents: readonly Tensor[],
  options: BackwardOptions,
  inputs: readonly Tensor[] | null,
): (Tensor | null)[] {
  const ops = gradOps.ops as GradOps;
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  const pending = new Map<GradNode, (Pending | null)[]>();
  const captured: (Tensor | null)[] = inputs === null ? [] : inputs.map(() => null);
  const wanted = new Map<GradNode, { nr: number; at: number }[]>();
  const wantedLeaves = new Map<Tensor, number[]>();
  inputs?.forEach((t, at) => {
    const e = edgeOf(t);
    if (e.leaf !== null) wantedLeaves.set(e.leaf, [...(wantedLeaves.get(e.leaf) ?? []), at]);
    else wanted.set(e.node as GradNode, [...(wanted.get(e.node as GradNode) ?? []), { nr: e.nr, at }]);
  });

  const addTo = (old: Pending, grad: Tensor, owned: boolean): Pending => {
    if (!createGraph && old.owned && old.grad.contiguousNow && old.grad.storage.refs === 1) {
      ops.addInPlace(old.grad, grad);
      if (owned) grad.dispose();
      return old;
    }
    const sum = ops.add(old.grad, grad);
    if (old.owned) old.grad.dispose();
    if (owned) grad.dispose();
    return { grad: sum, owned: !createGraph };
  };
  const toLeaf = (leaf: Tensor, first: Tensor, firstOwned: boolean): void => {
    let [grad, owned] = [first, firstOwned];
    for (const hook of leaf.hooks ?? []) {
      owned = false;
      grad = hook(grad) ?? grad;
    }
    const places = wantedLeaves.get(leaf);
    if (inputs !== null) {
      for (const at of places ?? []) {
        const old = captured[at];
        captured[at] = old === null ? grad : ops.add(old, grad);
      }
      if (places === undefined && owned) grad.dispose();
      return;
    }
    const old = leaf.gradInternal;
    if (old !== null) {
      if (createGraph || old.requiresGrad || !old.contiguousNow) leaf.gradInternal = ops.add(old, grad);
      else ops.addInPlace(old, grad);
      if (owned) grad.dispose();
      return;
    }
    // Take the gradient over when nobody else shows its storage, so that no copy is made.
    if (createGraph || (owned && grad.contiguousNow && grad.storage.refs === 1)) leaf.gradInternal = grad;
    else {
      leaf.gradInternal = ops.clone(grad);
      if (owned) grad.dispose();
    }
    if (!owned) leaf.exposeGrad();
  };
  const deliver = (edge: Edge, grad: Tensor, owned: boolean): void => {
    if (edge.leaf !== null) {
      if (edge.leaf.dtype !== grad.dtype) toLeaf(edge.leaf, ops.cast(grad, edge.leaf.dtype), !createGraph);
      else toLeaf(edge.leaf, grad, owned);
      return;
    }
    const node = edge.node as GradNode;
    let list = pending.get(node);
    if (list === undefined) pending.set(node, (list = new Array<Pending | null>(node.outputs.length).fill(null)));
    const old = list[edge.nr];
    list[edge.nr] = old === null || old === undefined ? { grad, owned } : addTo(old, grad, owned);
  };

  const rootNodes: GradNode[] = [];
  const before = setGradEnabled(createGraph);
  try {
    roots.forEach((t) => {
      const e = edgeOf(t);
      if (e.node !== null) rootNodes.push(e.node);
    });
    const nodes = reachable(rootNodes);
    const useful = inputs === null ? null : towards(nodes, new Set(wanted.keys()), new Set(wantedLeaves.keys()));
    roots.forEach((t, i) => deliver(edgeOf(t), cotangents[i], false));
    for (const node of nodes) {
      const list = pending.get(node);
      if (list === undefined) continue;
      pending.delete(node);
      for (let nr = 0; nr < list.length; nr++) {
        const p = list[nr];
        if (p === null || p === undefined) continue;
        for (const hook of node.hooks?.get(nr) ?? []) {
          p.owned = false;
          p.grad = hook(p.grad) ?? p.grad;
        }
        const kept = node.retained?.get(nr);
        if (kept !== undefined && inputs === null) {
          p.owned = false;
          kept.grad = p.grad;
        }
      }
      for (const w of wanted.get(node) ?? []) {
        const p = list[w.nr];
        if (p !== null && p !== undefined) {
          p.owned = false;
          captured[w.at] = p.grad;
        }
      }
      if (useful !== null && !useful.has(node)) continue;
      const saved = node.savedTensors();
      const made: Disposable[] = [];
      const early = !createGraph && !node.user;
      const grads = list.map((p) => p?.grad ?? null);
      const results = early ? collecting(made, () => node.vjp(grads, saved, node)) : node.vjp(grads, saved, node);
      if (anomaly) {
        for (const r of results) {
          if (r !== null && isFloating(r.dtype) && ops.hasNaN(r))
            throw new GradError(`backward: ${node.name} made a NaN in a gradient of shape ${show(r.shape)}; look at its inputs`);
        }
      }
      const delivered = new Set<unknown>();
      for (let i = 0; i < node.edges.length; i++) {
        const edge = node.edges[i];
        const g = results[i];
        if (edge === null || g === null || g === undefined) continue;
        // One handle may serve several edges; then none of them owns it.
        const shared = delivered.has(g) || grads.includes(g) || results.indexOf(g, i + 1) >= 0;
        delivered.add(g);
        deliver(edge, g, early && !shared);
      }
      if (early) {
        for (const h of made) if (!delivered.has(h)) h.dispose();
        for (const p of list) if (p !== null && p !== undefined && p.owned && !delivered.has(p.grad)) p.grad.dispose();
      }
      if (!retainGraph) node.release();
    }
  } finally {
    setGradEnabled(before);
  }
  return captured;
}

function startCotangent(what: string, t: Tensor, given: Tensor | null | undefined): Tensor {
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
    return ops.ones(t);
  }
  if (!sameShape(given.shape, t.shape))
    throw new ShapeError(`${what}: the gradient has shape ${show(given.shape)}, but the tensor has ${show(t.shape)}`);
  return given.dtype === t.dtype ? given : ops.cast(given, t.dtype);
}

/** Accumulates into `.grad` of every leaf the derivative of `t` (a scalar, or weighted by `gradient`). */
export function backward(t: Tensor, options: BackwardOptions & { gradient?: Tensor | null } = {}): void {
  sweep([t], [startCotangent('backward', t, options.gradient)], options, null);
}

/**
 * Gradients of the outputs (weighted by gradOutputs) with respect to the inputs, without touching `.grad`. An input that the outputs
 * do not depend on is a GradError, or null with `allowUnused`.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: BackwardOptions & { gradOutputs?: readonly (Tensor | null)[] | Tensor; allowUnused?: boolean } = {},
): (Tensor | null)[] {
  const outs = outputs instanceof Tensor ? [outputs] : [...outputs];
  const ins = inputs instanceof Tensor ? [inputs] : [...inputs];
  const given = options.gradOutputs instanceof Tensor ? [options.gradOutputs] : (options.gradOutputs ?? []);
  for (const t of ins)
    if (!t.requiresGrad)
      throw new GradError(`grad: an input of shape ${show(t.shape)} does not require gradients; set requiresGrad before it is used`);
  const result = sweep(
    outs,
    outs.map((t, i) => startCotangent('grad', t, given[i])),
    options,
    ins,
  );
  result.forEach((g, i) => {
    if (g === null && !options.allowUnused)
      throw new GradError(
        `grad: output does not depend on input ${i} of shape ${show(ins[i].shape)}; pass { allowUnused: true } to get null for it`,
      );
  });
  return result;
}
