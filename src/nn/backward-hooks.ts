// Hooks around the backward pass of a module: identity operations at its border see the gradients that enter and leave it.

import { isGradEnabled } from '../autograd/mode.ts';
import { record } from '../autograd/node.ts';
import { alias } from '../ops/raw.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Gradients of a module's inputs or outputs, null where there is none. */
export type Gradients = readonly (Tensor | null)[];
/** Called with the gradients of inputs and outputs; what it returns replaces those of the inputs. */
export type FullBackwardHook<M> = (module: M, gradInputs: Gradients, gradOutputs: Gradients) => Gradients | undefined | void;
/** Called with the gradients of the outputs before they enter the module; what it returns replaces them. */
export type FullBackwardPreHook<M> = (module: M, gradOutputs: Gradients) => Gradients | undefined | void;

/** The hooks of one module. */
export class BackwardHooks<M> {
  readonly #module: M;
  readonly hooks: FullBackwardHook<M>[] = [];
  readonly preHooks: FullBackwardPreHook<M>[] = [];

  constructor(module: M) {
    this.#module = module;
  }

  get active(): boolean {
    return this.hooks.length + this.preHooks.length > 0;
  }

  /** Runs `forward` on the inputs with the border in place. */
  run<In extends unknown[], Out>(inputs: In, forward: (inputs: In) => Out): Out {
    if (!isGradEnabled()) return forward(inputs);
    // gradients of the outputs wait here until those of the inputs are known
    const pending: { outputs: Gradients } = { outputs: [] };
    const watched = inputs.some((t) => t instanceof Tensor && t.requiresGrad);
    const entered = watched ? this.#border(inputs, (gs) => this.#leave(gs, pending.outputs)) : inputs;
    const out = forward(entered as In);
    const list = Array.isArray(out) ? (out as unknown[]) : [out];
    const marked = this.#border(list, (gs) => {
      let grads: Gradients = gs;
      for (const hook of this.preHooks) grads = hook(this.#module, grads) ?? grads;
      pending.outputs = grads;
      if (!watched)
        this.#leave(
          inputs.filter((t) => t instanceof Tensor).map(() => null),
          grads,
        );
      return grads;
    });
    return (Array.isArray(out) ? marked : marked[0]) as Out;
  }

  #leave(gradInputs: Gradients, gradOutputs: Gradients): Gradients {
    let grads = gradInputs;
    for (const hook of this.hooks) grads = hook(this.#module, grads, gradOutputs) ?? grads;
    return grads;
  }

  /** The same values behind an identity operation whose backward calls `fn` with the gradients of all tensors of the list. */
  #border(list: readonly unknown[], fn: (grads: Gradients) => Gradients): unknown[] {
    const tensors = list.filter((t): t is Tensor => t instanceof Tensor);
    if (!tensors.some((t) => t.requiresGrad)) return [...list];
    const copies = tensors.map((t) => alias(t, t.shape, t.strides));
    record('ModuleBorder', tensors, copies, [], (gs) => fn(gs), true);
    let k = 0;
    return list.map((t) => (t instanceof Tensor ? copies[k++] : t));
  }
}
