// One recorded operation: where its inputs came from, what it saved, and its vector-Jacobian product.

import { GradError } from '../runtime/errors.ts';
import { track } from '../runtime/memory.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { GradHook, Tensor } from '../tensor/tensor.ts';
import { anomalyEnabled, checkForward, userLine } from './anomaly.ts';
import { isGradEnabled } from './mode.ts';

/** Gradients of the results (null: none arrived) and the saved tensors to gradients of the inputs (null: none). */
export type Vjp = (grads: readonly (Tensor | null)[], saved: readonly Tensor[], node: GradNode) => readonly (Tensor | null)[];

/** Where a gradient goes: to a node's result, or to a leaf. */
export interface Edge {
  node: GradNode | null;
  nr: number;
  leaf: Tensor | null;
}

let nextSequence = 0;
/** The number that the next node will have: nodes with a smaller one are older. */
export const sequenceNow = (): number => nextSequence;

let structureOnly = false;
const noVjp: Vjp = () => {
  throw new GradError('backward: this graph was recorded for its structure only');
};
/** Runs `fn` recording which operation depends on which, but neither what they need for backward nor how to do it (checkpoints). */
export function recordStructure<T>(fn: () => T): T {
  const old = structureOnly;
  structureOnly = true;
  try {
    return fn();
  } finally {
    structureOnly = old;
  }
}

export class GradNode {
  readonly name: string;
  readonly sequence: number;
  readonly edges: (Edge | null)[];
  vjp: Vjp;
  saved: readonly Tensor[] | null;
  #versions: readonly number[];
  readonly outputs: { shape: Shape; dtype: DType }[] = [];
  /** User code runs in this node (custom functions): nothing that it makes may be released early. */
  readonly user: boolean;
  hooks: Map<number, GradHook[]> | null = null;
  /** Results that keep their gradient (retainGrad). */
  retained: Map<number, Tensor> | null = null;
  /** A change in place made this node: the tensor that has it may be older than the scope that ends. */
  kept = false;
  /** Backward has run through this node and dropped what it saved. */
  done = false;
  #dropped = false;
  /** The user's line that made this node, noted in anomaly mode. */
  calledAt: string | null = null;

  constructor(name: string, inputs: readonly (Tensor | null)[], saved: readonly Tensor[], vjp: Vjp, user = false) {
    this.name = name;
    this.vjp = structureOnly ? noVjp : vjp;
    this.user = user;
    const edges = new Array<Edge | null>(inputs.length);
    for (let i = 0; i < edges.length; i++) {
      const t = inputs[i];
      edges[i] = t?.requiresGrad ? edgeOf(t) : null;
    }
    this.edges = edges;
    this.sequence = nextSequence++; // after the edges: a view that is looked up anew gets a node of its own, which must be the older one
    this.saved = null;
    this.#versions = [];
    if (anomalyEnabled()) this.calledAt = userLine();
    this.setSaved(saved);
  }

  /** Takes hold of what backward will need, as it is now. */
  setSaved(saved: readonly Tensor[]): void {
    if (structureOnly) return;
    for (const t of saved) t.storage.retain();
    this.#drop();
    this.saved = saved;
    if (saved.length > 0) track(this);
    this.#versions = saved.map((t) => t.storage.version);
  }

  /** Whether the gradient of input `i` is wanted. */
  needs(i: number): boolean {
    return this.edges[i] !== null;
  }

  hooksOf(nr: number): GradHook[] {
    this.hooks ??= new Map();
    let list = this.hooks.get(nr);
    if (list === undefined) this.hooks.set(nr, (list = []));
    return list;
  }

  /** The saved tensors, after checking that nothing changed them in place since. */
  savedTensors(): readonly Tensor[] {
    const saved = this.saved;
    if (saved === null) {
      if (this.#dropped)
        throw new GradError(
          `backward: what ${this.name} saved was released at the end of a scope(); call backward inside the scope, or return the result from it`,
        );
      throw new GradError(
        `backward: the graph of ${this.name} was already used and its saved tensors are gone; call the first backward with { retainGraph: true }`,
      );
    }
    for (let i = 0; i < saved.length; i++) {
      const now = saved[i].storage.version;
      if (now !== this.#versions[i]) {
        throw new GradError(
          `backward: a tensor of shape [${saved[i].shape.join(', ')}] that ${this.name} needs was changed in place (version ${now}, saved at ${this.#versions[i]}); use the out-of-place form, or clone it before the change`,
        );
      }
    }
    return saved;
  }

  /** Drops the saved tensors, and what else backward holds; their memory returns at once where nobody else holds it. A node without any can run again. */
  release(): void {
    if (this.#drop()) this.vjp = noVjp;
  }

  #drop(): boolean {
    const saved = this.saved;
    if (saved === null || saved.length === 0) return false;
    this.saved = null;
    for (const t of saved) t.storage.release();
    return true;
  }

  /** At the end of a scope from which no result that needs this node leaves. */
  dispose(): void {
    if (this.saved === null || this.saved.length === 0) return;
    this.#dropped = true;
    this.release();
  }

  *holds(): Iterable<GradNode> {
    for (const e of this.edges) if (e?.node) yield e.node;
  }
}

/** Makes a view's place in the graph current after its base was changed in place. Set by src/ops/inplace.ts. */
export const viewSupport: { refresh: ((t: Tensor) => void) | null } = { refresh: null };
/** Looks a view's node up anew when its base was changed in place since. */
export function refresh(t: Tensor): void {
  if (t.base !== null && t.baseEpoch !== t.base.epoch) viewSupport.refresh?.(t);
}

/** Where the gradient of `t` goes. */
export function edgeOf(t: Tensor): Edge {
  refresh(t);
  return t.node !== null ? { node: t.node, nr: t.outputNr, leaf: null } : { node: null, nr: 0, leaf: t };
}

/** True when an operation on these tensors must be recorded. */
export function mustRecord(inputs: readonly (Tensor | null)[]): boolean {
  if (!isGradEnabled()) return false;
  for (const t of inputs) {
    if (t === null) continue;
    if (t.requiresGrad) return true;
  }
  return false;
}

/** Records an operation whose results are `outputs`. Call only when `mustRecord(inputs)`. */
export function record(
  name: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  saved: readonly Tensor[],
  vjp: Vjp,
  user = false,
): GradNode {
  if (anomalyEnabled()) checkForward(name, inputs, outputs);
  const node = new GradNode(name, inputs, saved, vjp, user);
  for (let i = 0; i < outputs.length; i++) attach(outputs[i], node);
  return node;
}

/** Makes `t` the next result of `node`. */
export function attach(t: Tensor, node: GradNode): void {
  if (t.retainsGrad) t.node?.retained?.delete(t.outputNr);
  t.node = node;
  t.outputNr = node.outputs.push({ shape: t.shape, dtype: t.dtype }) - 1;
  // a retained gradient is that of the tensor as it is now
  if (t.retainsGrad) (node.retained ??= new Map()).set(t.outputNr, t);
}
