// Second derivatives of fused operations: their gradients anew, from a composition of differentiable operations.

import { grad } from '../autograd/engine.ts';
import type { GradNode } from '../autograd/node.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { reshape } from './view.ts';

/**
 * Gradients of `compose(inputs)` weighted by `grads`, recorded so that they can be differentiated again. `inputs` are those of `node`.
 * What a fused operation's vjp gives while the backward pass is recorded.
 */
export function gradientsOfComposition(
  node: GradNode,
  inputs: readonly (Tensor | null)[],
  grads: readonly (Tensor | null)[],
  compose: (inputs: readonly (Tensor | null)[]) => readonly Tensor[],
): (Tensor | null)[] {
  // a handle of its own for each place: one tensor may be several inputs, and each wants its own gradient
  const places = inputs.map((t) => (t === null ? null : reshape(t, t.shape)));
  const outputs = compose(places);
  const reached = outputs.map((_, i) => i).filter((i) => grads[i] !== null && outputs[i].requiresGrad);
  const wanted = places.map((_, i) => i).filter((i) => places[i] !== null && node.needs(i));
  const results = grad(
    reached.map((i) => outputs[i]),
    wanted.map((i) => places[i] as Tensor),
    { gradOutputs: reached.map((i) => grads[i]), allowUnused: true, createGraph: true },
  );
  const out = new Array<Tensor | null>(inputs.length).fill(null);
  wanted.forEach((at, i) => {
    out[at] = results[i];
  });
  return out;
}
