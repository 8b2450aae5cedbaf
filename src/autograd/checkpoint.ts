// Gradient checkpointing (Chen et al., "Training deep nets with sublinear memory cost", 2016): a part of a network keeps only its inputs and
// is computed again when backward needs it.

import { GradError } from '../runtime/errors.ts';
import { defaultGenerator } from '../runtime/random.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type GradOps, gradOps, sweep } from './engine.ts';
import { enableGrad, isGradEnabled, noGrad } from './mode.ts';
import { attach, type Edge, edgeOf, GradNode, record, recordStructure, sequenceNow, type Vjp } from './node.ts';

const shown = (t: Tensor): Tensor => new Tensor(t.storage, t.shape, t.strides, t.offset, t.dtype);

const listOf = (r: Tensor | readonly Tensor[]): readonly Tensor[] => (r instanceof Tensor ? [r] : r);

/** Edges by which the graph of `roots` leaves the nodes made since `since`, each once. */
export function frontier(roots: readonly Tensor[], since: number): Edge[] {
  const found = new Map<unknown, Map<number, Edge>>();
  const seen = new Set<GradNode>();
  const stack = roots.filter((t) => t.requiresGrad).map(edgeOf);
  for (let e = stack.pop(); e !== undefined; e = stack.pop()) {
    if (e.node === null || e.node.sequence < since) {
      const key = e.leaf ?? e.node;
      let list = found.get(key);
      if (list === undefined) found.set(key, (list = new Map()));
      list.set(e.nr, e);
    } else if (!seen.has(e.node)) {
      seen.add(e.node);
      for (const next of e.node.edges) if (next !== null) stack.push(next);
    }
  }
  return [...found.values()].flatMap((m) => [...m.values()]);
}

/**
 * `fn(...args)`, keeping nothing of what `fn` computes: backward runs `fn` again, with the same random numbers. `fn` must depend on its
 * arguments (and on tensors that do not change until backward) only; tensors that it uses from outside, such as parameters, get their
 * gradients too. What it changes on the way (running statistics) is changed twice.
 */
export function checkpoint<A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(fn: (...args: A) => R, ...args: A): R {
  if (!isGradEnabled()) return fn(...args);
  const ops = gradOps.ops as GradOps;
  const random = defaultGenerator.state();
  const since = sequenceNow();
  const inputs = args.map((a) => (a instanceof Tensor && a.requiresGrad ? a : null));
  /** The arguments, those that require gradients by a stand-in. */
  const standIns = (make: (t: Tensor) => Tensor): { all: A; mine: (Tensor | null)[] } => {
    const mine = inputs.map((t) => (t === null ? null : make(t)));
    return { all: args.map((a, i) => mine[i] ?? a) as unknown as A, mine };
  };
  const asLeaf = (t: Tensor): Tensor => shown(t).requiresGrad_();

  const first = standIns(asLeaf);
  const result = recordStructure(() => fn(...first.all));
  const outs = listOf(result);
  const outside = frontier(outs, since).filter((e) => !first.mine.includes(e.leaf));
  const versions = outside.map((e) => e.leaf?.storage.version);
  const shapes = outs.map((t) => t.shape);
  const recorded = outs.map((t) => t.requiresGrad);

  const vjp: Vjp = (gs, _, node) => {
    outside.forEach((e, i) => {
      if (e.leaf !== null && e.leaf.storage.version !== versions[i])
        throw new GradError(
          `checkpoint: a tensor of shape ${show(e.leaf.shape)} that the function uses was changed in place since; call backward before the change`,
        );
    });
    const createGraph = isGradEnabled();
    const now = defaultGenerator.state();
    defaultGenerator.setState(random);
    try {
      const start = sequenceNow();
      const again = standIns((t) => {
        if (!createGraph) return asLeaf(t);
        const s = shown(t);
        record('checkpointInput', [t], [s], [], ([g]) => [g]);
        return s;
      });
      const targets = [...again.mine.flatMap((t) => (t === null ? [] : [edgeOf(t)])), ...outside];
      const sinceBody = createGraph ? sequenceNow() : start;
      const made = enableGrad(() => fn(...again.all));
      const list = listOf(made);
      if (list.length !== shapes.length || list.some((t, i) => !sameShape(t.shape, shapes[i])))
        throw new GradError('checkpoint: the function gave other shapes when it ran again; it must do the same each time');
      let at = 0;
      const roots = list.flatMap((t, i) => (recorded[i] ? [{ t, g: gs[at++] }] : [])).filter((r) => r.g !== null && r.t.requiresGrad);
      const grads = sweep(
        roots.map((r) => edgeOf(r.t)),
        roots.map((r) => ({ grad: r.g as Tensor, owned: false })),
        { createGraph },
        targets,
        sinceBody,
      );
      let k = 0;
      return node.edges.map((e) => (e === null ? null : grads[k++]));
    } finally {
      defaultGenerator.setState(now);
    }
  };

  if (!recorded.includes(true)) return result;
  const node = new GradNode('checkpoint', inputs, [], vjp, true);
  node.edges.push(...outside);
  const own = outs.map((t, i) => {
    if (!recorded[i]) return t;
    const root = t.base ?? t;
    const mine = root.node !== null && root.node.sequence >= since;
    const out = mine ? shown(t) : noGrad(() => ops.clone(t)); // a result that is an argument, or a view of one, becomes a copy
    attach(out, node);
    return out;
  });
  node.setSaved(args.filter((a) => a instanceof Tensor));
  return (result instanceof Tensor ? own[0] : own) as unknown as R;
}
