// In-place changes and their place in the graph. A change of a view is a change of its base: the base gets a new node whose
// backward cuts the view's part out of the gradient, and views look their node up anew when they are used next.

import { anomalyEnabled, checkForward } from '../autograd/anomaly.ts';
import { type GradOps, gradOps } from '../autograd/engine.ts';
import { isGradEnabled } from '../autograd/mode.ts';
import { attach, GradNode, mustRecord, record, type Vjp, viewSupport } from '../autograd/node.ts';
import { GradError } from '../runtime/errors.ts';
import { recording } from '../runtime/recording.ts';
import { contiguousStrides, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { InPlaceRecorder } from './elementwise-apply.ts';
import { cut, geometryOf, paste, replace } from './geometry.ts';
import { alias } from './raw.ts';

viewSupport.refresh = (t) => {
  const base = t.base as Tensor;
  t.baseEpoch = base.epoch;
  if (!base.requiresGrad) return;
  const [whole, part] = [geometryOf(base), geometryOf(t)];
  attach(t, new GradNode('ViewOfChanged', [base], [], ([g]) => [g === null ? null : paste(g, whole, part)]));
};

/** Refuses in-place changes whose gradient would be lost, while recording: of leaves, and of views that noGrad() cut off from their base. */
function checkPlace(name: string, self: Tensor): void {
  if (!isGradEnabled()) return;
  const root = self.base ?? self;
  if (root !== self && !root.isLeaf && !self.requiresGrad)
    throw new GradError(
      `${name}_: the view was made inside noGrad() and its base requires gradients, so the change could not be recorded; make the view outside, or change it inside noGrad()`,
    );
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
  checkPlace(name, self);
  if (!mustRecord(inputs) && !(isGradEnabled() && self.requiresGrad)) {
    prepare().run();
    self.storage.version++;
    return;
  }
  if (recording !== null) recording.changesGraph(self.storage);
  const { run, gradient } = prepare();
  const { saved, vjp } = gradient();
  const base = self.base;
  if (base === null) {
    const node = new GradNode(`${name}_`, inputs, [], vjp);
    run();
    self.storage.version++;
    node.setSaved(saved); // after the run, so that the change itself does not count as stale
    if (anomalyEnabled()) checkForward(`${name}_`, inputs, [self]);
    node.kept = true;
    attach(self, node);
    self.epoch++;
    return;
  }
  // The base's new node: inputs are the base as it was, then all inputs but the view itself.
  const [whole, part] = [geometryOf(base), geometryOf(self)];
  const inner = new GradNode(name, inputs, [], vjp);
  const node = new GradNode(`${name}_OfView`, [base, ...inputs.map((t) => (t === self ? null : t))], [], ([g], kept) => {
    if (g === null) return [null, ...inputs.map(() => null)];
    const results = vjp([cut(g, whole, part)], kept, inner);
    let rest: Tensor | null = null; // of the view as it was, which may be an input several times
    inputs.forEach((t, i) => {
      const r = t === self && inner.needs(i) ? results[i] : null;
      if (r !== null) rest = rest === null ? r : (gradOps.ops as GradOps).add(rest, r);
    });
    return [replace(g, rest, whole, part), ...results.map((r, i) => (inputs[i] === self ? null : r))];
  });
  run();
  self.storage.version++;
  node.setSaved(saved);
  if (anomalyEnabled()) checkForward(`${name}_`, inputs, [self]);
  node.kept = true;
  attach(base, node);
  base.epoch++;
};

/** Marks a tensor as changed outside of the graph (random fills, optimizer updates). */
export function changedOutsideGraph(name: string, self: Tensor): void {
  checkPlace(name, self);
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
