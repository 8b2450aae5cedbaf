// Runs one case of any kind and says how it went; plain cases are run here.

import { AdapterError, Unavailable } from './adapter/index.ts';
import type { Case } from './cases.ts';
import { compareResults, type Difference, flattenResult } from './compare.ts';
import { type Context, callOp, checkAfter, checkGradients, toleranceOf } from './context.ts';
import { Decoder } from './decode.ts';
import { ft } from './library.ts';
import { runNetwork } from './networks.ts';
import { runModule } from './run-module.ts';
import { runClip, runOptimizer, runScheduler } from './run-optim.ts';
import { runProgram, runTransform } from './run-program.ts';
import { CaseFileError } from './tensors.ts';

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
