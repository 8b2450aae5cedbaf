// What the workloads share: the step of a classifier, and random images with labels.

import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';

/** One step; gives a number so that nothing can be skipped. */
export type Step = () => number;

/** How a workload runs. */
export interface WorkloadOptions {
  /** The tensors' part of the step runs through `compile`. */
  compiled?: boolean;
}
/** Builders by name; building is not measured. */
export type Workloads = Record<string, (options?: WorkloadOptions) => Step>;

/** The step that runs `tensors` (compiled or not) and reads the number that it gives. */
export function stepOf(tensors: () => ft.Tensor, { compiled = false }: WorkloadOptions = {}): Step {
  const run = compiled ? ft.compile(tensors) : tensors;
  return () => run().itemSync();
}

/** Random images [batch, channels, size, size] and labels of `classes` classes. */
export const images = (batch: number, channels: number, size: number, classes = 10): [ft.Tensor, ft.Tensor] => [
  ft.randn([batch, channels, size, size]),
  ft.randint(0, classes, [batch]),
];

/** A training step around `loss`: gradients to zero, forward, backward, perhaps clipping to norm `clip`, update, the loss as a number. */
export function trainingStep(
  opt: { zeroGrad(): void; step(): unknown },
  loss: () => ft.Tensor,
  options: WorkloadOptions = {},
  clip?: { parameters: ft.Tensor[]; norm: number },
): Step {
  return stepOf(() => {
    opt.zeroGrad();
    const l = loss();
    l.backward();
    if (clip !== undefined) nn.clipGradNorm_(clip.parameters, clip.norm);
    opt.step();
    return l;
  }, options);
}

/** Cross-entropy of a network under SGD. */
export function classifier(net: nn.Module, [x, y]: [ft.Tensor, ft.Tensor], lr = 0.1, options: WorkloadOptions = {}): Step {
  return trainingStep(new optim.SGD(net.parameters(), { lr }), () => nn.functional.crossEntropy(net(x), y), options);
}
