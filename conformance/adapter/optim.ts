// Optimizers, learning-rate schedulers and gradient clipping: every option by name in camelCase.

import { camelCase, type Fn, type Library, unmark } from './row.ts';

/** PyTorch's keywords as our options. */
export function optionsOf(kwargs: Readonly<Record<string, unknown>>, lib: Library): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(kwargs)
      .filter(([, v]) => v !== null)
      .map(([k, v]) => [optionNames[k] ?? camelCase(k), unmark(v, false, lib)]),
  );
}

// Names that camelCase does not give.
const optionNames: Readonly<Record<string, string>> = { T_max: 'tMax', T_0: 't0', T_mult: 'tMult' };

/** The class of an optimizer or scheduler by PyTorch's name, `optim.lr_scheduler.StepLR`, or null when the library lacks it. */
export function classOf(lib: Library, op: string): (new (...args: unknown[]) => unknown) | null {
  const name = op.split('.').pop() as string;
  const optim = lib.optim as Library | undefined;
  const places = op.includes('lr_scheduler') ? [optim?.lrScheduler as Library | undefined, optim] : op.startsWith('optim.') ? [optim] : [];
  for (const place of places) {
    const c = place?.[name];
    if (typeof c === 'function') return c as new (...args: unknown[]) => unknown;
  }
  return null;
}

// What is positional in our schedules, as it has no default in PyTorch.
export const schedulerArguments: Readonly<Record<string, readonly string[]>> = {
  LambdaLR: ['lambda'],
  MultiplicativeLR: ['lambda'],
  StepLR: ['stepSize'],
  MultiStepLR: ['milestones'],
  ExponentialLR: ['gamma'],
  CosineAnnealingLR: ['tMax'],
  CosineAnnealingWarmRestarts: ['t0'],
  CyclicLR: ['baseLr', 'maxLr'],
  OneCycleLR: ['maxLr'],
  SequentialLR: ['schedulers', 'milestones'],
  ChainedScheduler: ['schedulers'],
};

/** Arguments of a schedule behind the optimizer. */
export function schedulerCall(op: string, options: Readonly<Record<string, unknown>>): unknown[] {
  const names = schedulerArguments[op.split('.').pop() as string] ?? [];
  const rest = Object.fromEntries(Object.entries(options).filter(([k]) => !names.includes(k)));
  return [...names.map((n) => options[n]), ...(Object.keys(rest).length > 0 ? [rest] : [])];
}

/** clip_grad_norm_ and clip_grad_value_ of nn.utils or nn. */
export function clipFunction(lib: Library, op: string): Fn | null {
  const name = camelCase(op.split('.').pop() as string);
  const nn = lib.nn as Library | undefined;
  for (const place of [nn?.utils as Library | undefined, nn, lib]) {
    const f = place?.[name];
    if (typeof f === 'function') return f as Fn;
  }
  return null;
}

/** The functions that LambdaLR and MultiplicativeLR name in the cases, of the epoch e. */
export const epochFunctions: Readonly<Record<string, (e: number) => number>> = {
  inv_sqrt: (e) => 1 / Math.sqrt(e + 1),
  'pow_0.9': (e) => 0.9 ** e,
  triangle: (e) => 1 - Math.abs((e % 10) - 5) / 10,
  warmup_5: (e) => Math.min(1, (e + 1) / 5),
  cos_pi_60: (e) => 0.5 * (1 + Math.cos((Math.PI * e) / 60)),
  'const_0.97': () => 0.97,
};
