// Runs one case of any kind and says how it went; plain cases are run here.

import type { Adapter, Call } from './adapter/index.ts';
import { AdapterError } from './adapter/index.ts';
import type { Case, Group, Json, JsonObject } from './cases.ts';
import { compareGradient, compareResults, compareValue, type Difference, flattenResult, hostOf, type Tolerance } from './compare.ts';
import { Decoder } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { runNetwork } from './networks.ts';
import { runModule } from './run-module.ts';
import { runClip, runOptimizer, runScheduler } from './run-optim.ts';
import { runProgram, runTransform } from './run-program.ts';
import { CaseFileError, type HostArray } from './tensors.ts';

export interface Context {
  readonly adapter: Adapter;
  readonly group: Group;
  /** Common factor on the tolerances for a device whose elementary functions are less exact. */
  readonly factor: number;
}

export type Outcome =
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly difference: Difference }
  /** The adapter has no row, or the library lacks the function that the row names. */
  | { readonly status: 'unmapped'; readonly name: string; readonly missing: string | null };

/** A case needs an op that cannot be called. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  readonly op: string;
  readonly missing: string | null;
  constructor(op: string, missing: string | null) {
    super(missing === null ? `${op} is not mapped` : `${op} needs ${missing}, which the library lacks`);
    this.op = op;
    this.missing = missing;
  }
}

/** Calls an op by PyTorch's name. */
export function callOp(ctx: Context, op: string, call: Call): unknown {
  const r = ctx.adapter.op(op);
  if ('unmapped' in r) throw new Unavailable(op, null);
  if ('missing' in r) throw new Unavailable(op, r.missing);
  return r.call(call);
}

export const toleranceOf = (c: Case, factor: number): Tolerance => ({
  rtol: (c.rtol ?? 1e-4) * factor,
  atol: (c.atol ?? 1e-5) * factor,
  intAtol: c.int_atol ?? 0,
  mode: c.compare ?? 'value',
});

/** In-place methods other than the double-underscore ones: called on a copy of their tensor. */
const changesInPlace = (op: string): boolean => /^Tensor\.[a-z]\w*[a-z0-9]_$/.test(op);

/** Gradients of sum_i sum(out_i * cot_i) with respect to the inputs; null where the outputs do not depend on one. */
export function gradientsOf(
  outputs: readonly unknown[],
  cotangents: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
  createGraph: boolean,
): (Tensor | null)[] {
  const outs: Tensor[] = [];
  const cots: Tensor[] = [];
  cotangents.forEach((cot, i) => {
    const out = outputs[i];
    if (cot === null || !(out instanceof ft.Tensor) || !out.requiresGrad) return;
    outs.push(out);
    cots.push(cot);
  });
  if (outs.length === 0 || inputs.length === 0) return inputs.map(() => null);
  return ft.grad(outs, inputs, { gradOutputs: cots, allowUnused: true, createGraph });
}

/** Compares gradients, and second gradients where the case has them. */
export function checkGradients(
  decoder: Decoder,
  outputs: readonly unknown[],
  cot: readonly Json[] | null,
  leaves: ReadonlyMap<string, Tensor>,
  c: Case,
  tol: Tolerance,
): Difference | null {
  if (c.grads === undefined || c.grads === null) return null;
  const paths = Object.keys(c.grads);
  const inputs = paths.map((p) => {
    const t = leaves.get(p);
    if (t === undefined) throw new CaseFileError(`grads names the path ${p}, where the case has no tensor`);
    return t;
  });
  const cots =
    cot === null
      ? outputs.map((o) =>
          o instanceof ft.Tensor
            ? ft.fromTyped(
                hostOf(o)
                  .data.slice()
                  .fill(1 as never),
                o.shape,
                o.dtype,
              )
            : null,
        )
      : cot.map((v, i) => (v === null ? null : (decoder.value(v, `cot.${i}`) as Tensor)));
  const grads = gradientsOf(outputs, cots, inputs, c.grad2 !== undefined);
  for (let i = 0; i < paths.length; i++) {
    const d = compareGradient(`grad ${paths[i]}`, grads[i], decoder.expected(c.grads[paths[i]]) as HostArray | null, tol);
    if (d !== null) return d;
  }
  if (c.grad2 === undefined) return null;
  // d/dx sum(g * g) is the product of dg/dx with 2 g
  const twice = grads.map((g) => {
    if (g === null) return null;
    const host = hostOf(g);
    return ft.fromTyped(
      (host.data as Float64Array).map((v) => 2 * v),
      host.shape,
      host.dtype,
    );
  });
  const second = gradientsOf(grads, twice, inputs, false);
  for (let i = 0; i < paths.length; i++) {
    const want = Object.hasOwn(c.grad2, paths[i]) ? (decoder.expected(c.grad2[paths[i]]) as HostArray | null) : null;
    const d = compareGradient(`second gradient ${paths[i]}`, second[i], want, tol);
    if (d !== null) return d;
  }
  return null;
}

/** Compares tensors that must hold given values afterwards (`after`, `state_after`). */
export function checkAfter(
  decoder: Decoder,
  what: string,
  want: JsonObject | undefined,
  find: (key: string) => Tensor | undefined,
  tol: Tolerance,
): Difference | null {
  for (const [key, v] of Object.entries(want ?? {})) {
    const d = compareValue(`${what} ${key}`, find(key) ?? null, decoder.expected(v), tol);
    if (d !== null) return d;
  }
  return null;
}

function runPlain(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors, Object.keys(c.grads ?? {}));
  const args = decoder.list(c.args ?? [], 'args');
  const kwargs = decoder.named(c.kwargs ?? {}, 'kwargs');
  if (changesInPlace(c.op) && args[0] instanceof ft.Tensor) args[0] = ft.clone(args[0]);
  const results = flattenResult(callOp(ctx, c.op, { args, kwargs }));
  if (c.error !== undefined) return null;
  return (
    compareResults(
      results,
      (c.out ?? []).map((v) => decoder.expected(v)),
      tol,
    ) ??
    checkGradients(decoder, results, c.cot ?? null, decoder.leaves, c, tol) ??
    checkAfter(decoder, 'after', c.after, (path) => decoder.at.get(path), tol)
  );
}

function run(ctx: Context, c: Case): Difference | null {
  switch (c.kind) {
    case undefined:
      return runPlain(ctx, c);
    case 'module':
      return runModule(ctx, c);
    case 'optimizer':
      return runOptimizer(ctx, c);
    case 'clip':
      return runClip(ctx, c);
    case 'scheduler':
      return runScheduler(ctx, c);
    case 'program':
      return runProgram(ctx, c);
    case 'transform':
      return runTransform(ctx, c);
    case 'network':
      return runNetwork(ctx, c);
  }
}

// Errors that JavaScript throws where a check of the library is missing: they don't count as the error that a case asks for.
const accidents = [TypeError, ReferenceError, SyntaxError, AdapterError, RangeError];

const firstLine = (e: unknown): string => (e instanceof Error ? `${e.name}: ${e.message}` : String(e)).split('\n')[0];

/** Runs a case. Nothing that it does makes this throw, except files that contradict themselves. */
export function runCase(ctx: Context, c: Case): Outcome {
  const failed = (message: string): Outcome => ({
    status: 'failed',
    difference: { what: 'call', message, error: Number.POSITIVE_INFINITY },
  });
  (ctx.adapter.lib.manualSeed as ((seed: number) => void) | undefined)?.(0);
  try {
    const difference = run(ctx, c);
    if (c.error !== undefined) return failed(`expected an error (${c.error}), nothing was thrown`);
    return difference === null ? { status: 'passed' } : { status: 'failed', difference };
  } catch (e) {
    if (e instanceof Unavailable) return { status: 'unmapped', name: e.op, missing: e.missing };
    if (e instanceof CaseFileError) throw new CaseFileError(`${c.id}: ${e.message}`);
    if (c.error === undefined) return failed(`threw ${firstLine(e)}`);
    if (accidents.some((k) => e instanceof k) || e instanceof WebAssembly.RuntimeError)
      return failed(`expected an error of the library (${c.error}), it threw ${firstLine(e)}`);
    return { status: 'passed' };
  }
}
