// Runs one case of any kind and says how it went; plain cases are run here.

import { AdapterError, Unavailable } from './adapter/index.ts';
import type { Case, JsonObject } from './cases.ts';
import { compareGradient, compareResults, type Difference, flattenResult, type Tolerance } from './compare.ts';
import { eager } from './compiled.ts';
import { type Context, callOp, checkAfter, checkGradients, gradientsOf, toleranceOf } from './context.ts';
import { Decoder } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { runNetwork } from './networks.ts';
import { runModule } from './run-module.ts';
import { runClip, runOptimizer, runScheduler } from './run-optim.ts';
import { runProgram, runTransform } from './run-program.ts';
import { CaseFileError, type HostArray } from './tensors.ts';

export type Outcome =
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly difference: Difference }
  /** The adapter has no row, or the library lacks the function that the row names. */
  | { readonly status: 'unmapped'; readonly name: string; readonly missing: string | null };

/** In-place methods other than the double-underscore ones: called on a copy of their tensor. */
const changesInPlace = (op: string): boolean => /^Tensor\.[a-z]\w*[a-z0-9]_$/.test(op);

function runPlain(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors, Object.keys(c.grads ?? {}));
  const args = decoder.list(c.args ?? [], 'args');
  const kwargs = decoder.named(c.kwargs ?? {}, 'kwargs');
  const compute = (v: Arguments): unknown => {
    const list = [...v.args];
    if (changesInPlace(c.op) && list[0] instanceof ft.Tensor) list[0] = ft.clone(list[0]);
    return callOp(ctx, c.op, { args: list, kwargs: v.kwargs });
  };
  if (c.grad2 !== undefined && c.grads && ctx.execution !== eager) return runWhole(ctx, c, compute, tol);
  const results = flattenResult(ctx.execution.run({ args, kwargs }, compute));
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

type Arguments = { args: unknown[]; kwargs: Record<string, unknown> };

/** A case with second derivatives as one computation, compiled as a whole: results, gradients and second gradients. */
function runWhole(ctx: Context, c: Case, compute: (v: Arguments) => unknown, tol: Tolerance): Difference | null {
  const paths = Object.keys(c.grads ?? {});
  const decode = (): Decoder => new Decoder(ctx.group.name, ctx.group.tensors, paths);
  const plain = (t: unknown): unknown => (t instanceof ft.Tensor ? t.detach() : t);
  const whole = ctx.execution.run(null, () => {
    const decoder = decode();
    const outputs = flattenResult(compute({ args: decoder.list(c.args ?? [], 'args'), kwargs: decoder.named(c.kwargs ?? {}, 'kwargs') }));
    const inputs = paths.map((p) => decoder.leaves.get(p) as Tensor);
    const cots = outputs.map((o, i) => {
      const given = c.cot?.[i];
      if (given === undefined) return o instanceof ft.Tensor ? ft.onesLike(o) : null;
      return given === null ? null : (decoder.value(given, `cot.${i}`) as Tensor);
    });
    const grads = gradientsOf(outputs, cots, inputs, true);
    const twice = grads.map((g) => (g === null ? null : g.detach().mul(2)));
    return { outputs: outputs.map(plain), grads: grads.map(plain), second: gradientsOf(grads, twice, inputs, false) };
  });
  const decoder = decode();
  const wanted = (c.out ?? []).map((v) => decoder.expected(v));
  let d = compareResults(whole.outputs, wanted, tol);
  for (let i = 0; d === null && i < paths.length; i++) {
    const want = (from: JsonObject): HostArray | null =>
      Object.hasOwn(from, paths[i]) ? (decoder.expected(from[paths[i]]) as HostArray | null) : null;
    d = compareGradient(`grad ${paths[i]}`, whole.grads[i] as Tensor | null, want(c.grads as JsonObject), tol);
    d ??= compareGradient(`second gradient ${paths[i]}`, whole.second[i], want(c.grad2 as JsonObject), tol);
  }
  return d;
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
