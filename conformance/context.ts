// What the runners of all kinds of cases share: the context, calling an op by PyTorch's name, gradients and what must hold afterwards.

import { type Adapter, type Call, Unavailable } from './adapter/index.ts';
import type { Case, Group, Json, JsonObject } from './cases.ts';
import { compareGradient, compareValue, type Difference, hostOf, type Tolerance } from './compare.ts';
import type { Execution } from './compiled.ts';
import type { Decoder } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { CaseFileError, type HostArray } from './tensors.ts';

export interface Context {
  readonly adapter: Adapter;
  readonly group: Group;
  /** Common factor on the tolerances for a device whose elementary functions are less exact. */
  readonly factor: number;
  readonly execution: Execution;
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
