// In-place changes and their place in the graph. A change of a view is a change of its base: the base gets a new node whose
// backward cuts the view's part out of the gradient, and views look their node up anew when they are used next.

import { isGradEnabled } from '../autograd/mode.ts';
import { attach, GradNode, mustRecord, record, type Vjp, viewSupport } from '../autograd/node.ts';
import { GradError } from '../runtime/errors.ts';
import { contiguousStrides, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { InPlaceRecorder } from './elementwise-apply.ts';
import { alias, copy, copyInto, empty, fill } from './raw.ts';

/** A gradient of `base`'s shape laid out densely, seen through the geometry of `view`. */
function throughView(grad: Tensor, base: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  if (!base.contiguousNow)
    throw new GradError('backward: in-place change of a view of a tensor that is not contiguous; call contiguous() on the tensor first');
  return alias(grad, shape, strides, offset - base.offset);
}

/** Backward of a view by geometry: zeros of the base's shape with the gradient in the view's place. */
export function viewVjp(base: Tensor, shape: Shape, strides: Shape, offset: number): Vjp {
  return ([g]) => {
    if (g === null) return [null];
    const out = empty(base.shape, g.dtype);
    fill(out, 0);
    copyInto(throughView(out, base, shape, strides, offset), g);
    return [out];
  };
}

viewSupport.refresh = (t) => {
  const base = t.base as Tensor;
  t.baseEpoch = base.epoch;
  if (!base.requiresGrad) return;
  const node = new GradNode('ViewOfChanged', [base], [], viewVjp(base, t.shape, t.strides, t.offset));
  attach(t, node);
};

/** Refuses in-place changes of leaves that require gradients, while recording. */
function checkLeaf(name: string, self: Tensor): void {
  if (!isGradEnabled()) return;
  const root = self.base ?? self;
  if (root.isLeaf && root.requiresGrad) {
    throw new GradError(
      `${name}_: a leaf that requires gradients${root === self ? '' : ' (through a view of it)'} cannot be changed in place; do it inside noGrad(), or use ${name}`,
    );
  }
}

/**
 * Runs an in-place change of `self` and records it. `inputs[i]` may be `self` itself; `gradient` gives the vjp for all inputs.
 */
export const changeInPlace: InPlaceRecorder = (name, self, inputs, prepare) => {
  const recording = mustRecord(inputs) || (isGradEnabled() && self.requiresGrad);
  if (!recording) {
    prepare().run();
    self.storage.version++;
    return;
  }
  checkLeaf(name, self);
  const { run, gradient } = prepare();
  const { saved, vjp } = gradient();
  const base = self.base;
  if (base === null) {
    const node = new GradNode(`${name}_`, inputs, [], vjp);
    run();
    self.storage.version++;
    node.setSaved(saved); // after the run, so that the change itself does not count as stale
    attach(self, node);
    self.epoch++;
    return;
  }
  // The base's new node: inputs are the base as it was, then all inputs but the view itself.
  const { shape, strides, offset } = self;
  const inner = new GradNode(name, inputs, [], vjp);
  const node = new GradNode(`${name}_OfView`, [base, ...inputs.map((t) => (t === self ? null : t))], [], (gs, kept) => {
    const g = gs[0];
    if (g === null) return [null, ...inputs.map(() => null)];
    const rest = copy(g);
    const part = throughView(rest, base, shape, strides, offset);
    const results = vjp([copy(part)], kept, inner);
    const self_ = results[inputs.indexOf(self)] ?? null;
    if (inputs.includes(self) && self_ !== null) copyInto(part, self_);
    else fill(part, 0);
    return [rest, ...inputs.map((t, i) => (t === self ? null : results[i]))];
  });
  run();
  self.storage.version++;
  node.setSaved(saved);
  attach(base, node);
  base.epoch++;
};

/** Marks a tensor as changed outside of the graph (random fills, optimizer updates). */
export function changedOutsideGraph(name: string, self: Tensor): void {
  checkLeaf(name, self);
  self.storage.version++;
}

/** A view of `t`: shares its storage; recorded with `vjp` when `t` requires gradients. */
export function makeView(name: string, t: Tensor, shape: Shape, strides: Shape | null, offset: number, vjp: Vjp): Tensor {
  const v = alias(t, shape, strides ?? contiguousStrides(shape), offset);
  const base = t.base ?? t;
  if (mustRecord([t])) record(name, [t], [v], [], vjp);
  v.base = base;
  v.baseEpoch = base.epoch;
  return v;
}
