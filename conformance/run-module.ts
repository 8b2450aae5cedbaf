// Runs module cases: construct, load the state, call, compare results, gradients and the state afterwards.

import { Unavailable } from './adapter/index.ts';
import type { Case } from './cases.ts';
import { compareResults, type Difference, flattenResult } from './compare.ts';
import { type Context, checkAfter, checkGradients, toleranceOf } from './context.ts';
import { Decoder } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { ModuleValue } from './values.ts';

/** What the runner uses of a module. */
export interface ModuleLike {
  (...inputs: unknown[]): unknown;
  train(on?: boolean): unknown;
  namedParameters(): Iterable<[string, Tensor]>;
  stateDict(): Record<string, Tensor>;
  loadStateDict(state: Record<string, Tensor>): unknown;
}

/** Constructs a module by PyTorch's name; modules among the arguments first. */
export function construct(ctx: Context, op: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): ModuleLike {
  const inner = (v: unknown): unknown =>
    v instanceof ModuleValue ? construct(ctx, v.name, v.args, v.kwargs) : Array.isArray(v) ? v.map(inner) : v;
  const r = ctx.adapter.module(op);
  if ('unmapped' in r) throw new Unavailable(op, null);
  if ('missing' in r) throw new Unavailable(op, r.missing);
  return r.call({ args: args.map(inner), kwargs: Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [k, inner(v)])) }) as ModuleLike;
}

export function runModule(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors, Object.keys(c.grads ?? {}));
  const net = construct(ctx, c.op, decoder.list(c.init?.args ?? [], 'init.args'), decoder.named(c.init?.kwargs ?? {}, 'init.kwargs'));
  net.loadStateDict(decoder.named(c.state ?? {}, 'state') as Record<string, Tensor>);
  net.train(c.train ?? true);
  const call = { args: decoder.list(c.args ?? [], 'args'), kwargs: decoder.named(c.kwargs ?? {}, 'kwargs') };
  const load = (): void => void net.loadStateDict(decoder.named(c.state ?? {}, 'state') as Record<string, Tensor>);
  const results = flattenResult(ctx.execution.run(ctx.adapter.forwardArguments(c.op, call), (list) => net(...list), load));
  if (c.error !== undefined) return null;
  const leaves = new Map(decoder.leaves);
  for (const [name, p] of net.namedParameters()) leaves.set(`param.${name}`, p);
  const wanted = (c.out ?? []).map((v) => decoder.expected(v));
  const state = (key: string): Tensor | undefined => net.stateDict()[key];
  return (
    compareResults(results, wanted, tol) ??
    checkGradients(decoder, results, c.cot ?? null, leaves, c, tol) ??
    checkAfter(decoder, 'state_after', c.state_after, (key) => (state(key) instanceof ft.Tensor ? state(key) : undefined), tol)
  );
}
