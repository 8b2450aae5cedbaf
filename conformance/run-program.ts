// Runs program cases (small programs over named values, with hooks, custom functions and gradients) and transforms of functions.

import { AdapterError, type Fn, need, unmark } from './adapter/index.ts';
import type { Case, FunctionSpec, Json, JsonObject } from './cases.ts';
import { compareGradient, compareResults, compareValue, type Difference, flattenResult } from './compare.ts';
import { type Context, callOp, toleranceOf } from './context.ts';
import { Decoder, isObject } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { CaseFileError, type HostArray } from './tensors.ts';
import { IndexValue } from './values.ts';

type Environment = Map<string, unknown>;

class Machine {
  readonly ctx: Context;
  readonly c: Case;
  readonly decoder: Decoder;

  constructor(ctx: Context, c: Case, decoder: Decoder) {
    this.ctx = ctx;
    this.c = c;
    this.decoder = decoder;
  }

  /** A value of an instruction: variables and functions beside the usual values. */
  value(v: Json, env: Environment): unknown {
    if (Array.isArray(v)) return v.map((x: Json) => this.value(x, env));
    if (!isObject(v)) return v;
    if (typeof v.v === 'string') {
      if (!env.has(v.v)) throw new CaseFileError(`the variable '${v.v}' has no value`);
      return env.get(v.v);
    }
    if (typeof v.fn === 'string') {
      const spec = this.c.functions?.[v.fn];
      if (spec === undefined) throw new CaseFileError(`there is no function '${v.fn}'`);
      return this.closure(spec);
    }
    // an index may name variables
    if (Array.isArray(v.index)) return new IndexValue(v.index.map((x: Json) => this.value(x, env)));
    return this.decoder.value(v);
  }

  /** A function of the case as a JavaScript function; one result comes alone, several as a list. */
  closure(spec: FunctionSpec, outer: Environment = new Map()): (...args: unknown[]) => unknown {
    return (...args) => {
      const env: Environment = new Map(outer);
      spec.params.forEach((p, i) => env.set(p, args[i]));
      this.run(spec.program, env);
      const results = spec.returns.map((r) => (r === null ? null : env.get(r)));
      return results.length === 1 ? results[0] : results;
    };
  }

  run(program: readonly (readonly Json[])[], env: Environment): void {
    for (const instruction of program) {
      const [target, op, ...args] = instruction;
      if (typeof op !== 'string') throw new CaseFileError(`an instruction names no op: ${JSON.stringify(instruction)}`);
      this.assign(target, this.step(op, args, env), env);
    }
  }

  assign(target: Json, result: unknown, env: Environment): void {
    if (Array.isArray(target)) {
      const list = flattenResult(result);
      target.forEach((name: Json, i) => env.set(String(name), list[i]));
    } else if (target !== '') env.set(String(target), result);
  }

  step(op: string, json: readonly Json[], env: Environment): unknown {
    const lib = this.ctx.adapter.lib;
    if (op === 'no_grad' || op === 'enable_grad') {
      const body = json[0] as readonly (readonly Json[])[];
      return (op === 'no_grad' ? ft.noGrad : ft.enableGrad)(() => this.run(body, env));
    }
    const last = json[json.length - 1];
    const hasKw = isObject(last) && isObject(last.kw);
    const kwargs = hasKw ? Object.fromEntries(Object.entries(last.kw as JsonObject).map(([k, v]) => [k, this.value(v, env)])) : {};
    const args = (hasKw ? json.slice(0, -1) : json).map((v) => this.value(v, env));
    const x = args[0] as Tensor;
    switch (op) {
      case 'assign':
        return unmark(args[0], false, lib);
      case 'backward':
        x.backward({
          gradient: kwargs.gradient as Tensor | undefined,
          ...(kwargs.retain_graph !== undefined ? { retainGraph: kwargs.retain_graph === true } : {}),
          ...(kwargs.create_graph !== undefined ? { createGraph: kwargs.create_graph === true } : {}),
        });
        return null;
      case 'autograd.grad': {
        const inputs = args[1] as Tensor[];
        const g = ft.grad(args[0] as Tensor[], inputs, {
          ...(kwargs.grad_outputs !== undefined ? { gradOutputs: kwargs.grad_outputs as Tensor[] } : {}),
          ...(kwargs.create_graph !== undefined ? { createGraph: kwargs.create_graph === true } : {}),
          ...(kwargs.retain_graph !== undefined ? { retainGraph: kwargs.retain_graph === true } : {}),
          allowUnused: kwargs.allow_unused === true || kwargs.materialize_grads === true,
        });
        return g.map((t, i) => (t === null && kwargs.materialize_grads === true ? ft.zerosLike(inputs[i]) : t));
      }
      case 'grad_of':
        return x.grad;
      case 'clear_grad':
        x.grad = null;
        return null;
      case 'setitem_':
        return callOp(this.ctx, 'setitem_', { args, kwargs });
      case 'register_hook': {
        const hook = args[1] as (g: Tensor) => Tensor | null;
        return x.registerHook((g) => hook(g) ?? undefined);
      }
      case 'remove_hook':
        (args[0] as () => void)();
        return null;
      case 'checkpoint': {
        const f = need(lib, op, 'autograd.checkpoint');
        return f(...args);
      }
      case 'apply': {
        const spec = this.c.custom?.[String(json[0])];
        if (spec === undefined) throw new CaseFileError(`there is no custom function '${String(json[0])}'`);
        const make = need(lib, op, 'autograd.customFunction');
        return this.applyCustom(make, String(json[0]), spec, args.slice(1) as Tensor[]);
      }
      case 'Tensor.requires_grad_':
        return x.requiresGrad_(args[1] !== false && kwargs.requires_grad !== false);
      case 'Tensor.retain_grad':
        x.retainGrad();
        return null;
      default:
        return callOp(this.ctx, op, { args, kwargs });
    }
  }

  applyCustom(make: Fn, name: string, spec: { forward: FunctionSpec; backward: FunctionSpec }, inputs: Tensor[]): unknown {
    type Saver = ft.autograd.FunctionContext;
    const custom = make({
      name,
      forward: (saver: Saver, ...args: Tensor[]) => {
        const env: Environment = new Map(spec.forward.params.map((p, i) => [p, args[i]]));
        this.run(spec.forward.program, env);
        saver.saveForBackward(...(spec.forward.save ?? []).map((s) => env.get(s) as Tensor));
        const results = spec.forward.returns.map((r) => env.get(r as string));
        return results.length === 1 ? results[0] : results;
      },
      backward: (saver: Saver, ...gs: Tensor[]) => {
        const r = this.closure(spec.backward)(...gs, ...saver.savedTensors);
        return spec.backward.returns.length === 1 ? [r] : r;
      },
    }) as Fn;
    return custom(...inputs);
  }
}

/** A value named in `expect`: `x`, `x.grad`, `x.requires_grad`, `x.is_leaf`, `x.has_grad_fn`. */
function observe(name: string, env: Environment): { got: unknown; gradient: boolean } {
  const at = name.lastIndexOf('.');
  const variable = at < 0 ? name : name.slice(0, at);
  if (!env.has(variable)) throw new CaseFileError(`expect names '${variable}', which the program never sets`);
  const v = env.get(variable);
  if (at < 0) return { got: v, gradient: false };
  const t = v as Tensor;
  switch (name.slice(at + 1)) {
    case 'grad':
      return { got: t.grad, gradient: true };
    case 'requires_grad':
      return { got: t.requiresGrad, gradient: false };
    case 'is_leaf':
      return { got: t.isLeaf, gradient: false };
    case 'has_grad_fn':
      return { got: t.node !== null, gradient: false };
    default:
      throw new CaseFileError(`expect has the unknown entry '${name}'`);
  }
}

export function runProgram(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors);
  const machine = new Machine(ctx, c, decoder);
  const inputs = Object.fromEntries(
    Object.entries(c.inputs ?? {}).map(([name, v]) => [name, unmark(decoder.value(v, name), false, ctx.adapter.lib)]),
  );
  for (const name of c.requires_grad ?? []) (inputs[name] as Tensor).requiresGrad = true;
  const observed = ctx.execution.run(inputs, (values) => {
    const env: Environment = new Map(Object.entries(values));
    machine.run(c.program ?? [], env);
    if (c.backward !== undefined) (env.get(c.backward) as Tensor).backward();
    return c.error !== undefined ? {} : Object.fromEntries(Object.keys(c.expect ?? {}).map((name) => [name, observe(name, env)]));
  });
  if (c.error !== undefined) return null;
  for (const [name, v] of Object.entries(c.expect ?? {})) {
    const { got, gradient } = observed[name];
    const want = decoder.expected(v);
    const one = Array.isArray(got) && got.length === 1 && !Array.isArray(want) ? got[0] : got;
    // A gradient that must be missing has to be null; otherwise null stands for zeros only where PyTorch has zeros.
    const d =
      gradient && want !== null ? compareGradient(name, one as Tensor | null, want as HostArray, tol) : compareValue(name, one, want, tol);
    if (d !== null) return d;
  }
  return null;
}

/** Where a transform lives in the library; func.vmap.grad is vmap(grad(fn)). */
export function runTransform(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors);
  const machine = new Machine(ctx, c, decoder);
  if (c.fn === undefined) throw new CaseFileError("a transform needs 'fn'");
  const fn = machine.closure(c.fn);
  const kwargs = unmark(decoder.named(c.kwargs ?? {}, 'kwargs'), false, ctx.adapter.lib) as Record<string, unknown>;
  const given = { args: decoder.list(c.args ?? [], 'args'), v: decoder.list(c.v ?? [], 'v') };
  const result = ctx.execution.run(given, ({ args, v }) => applyTransform(ctx, c, fn, args, v, kwargs));
  return compareResults(
    flattenResult(result),
    (c.out ?? []).map((x) => decoder.expected(x)),
    tol,
  );
}

function applyTransform(ctx: Context, c: Case, fn: Fn, args: unknown[], v: unknown[], kwargs: Record<string, unknown>): unknown {
  let result: unknown;
  if (c.op.startsWith('autograd.functional.')) {
    const f = need(ctx.adapter.lib, c.op, c.op);
    result = c.v === undefined ? f(fn, args) : f(fn, args, v);
  } else {
    const names = c.op
      .split('.')
      .slice(1)
      .map((n) => n.replace(/_([a-z])/g, (_, l: string) => l.toUpperCase()));
    const transform = (name: string): Fn => need(ctx.adapter.lib, c.op, `func.${name}`);
    if (names[0] === 'jvp') result = transform('jvp')(fn, args, v);
    else if (names[0] === 'vjp') {
      const [value, pullBack] = transform('vjp')(fn, ...args) as [unknown, Fn];
      result = [value, pullBack(v.length === 1 ? v[0] : v)];
    } else {
      const { in_dims, out_dims, argnums } = kwargs;
      const outer = { ...(in_dims !== undefined ? { inDims: in_dims } : {}), ...(out_dims !== undefined ? { outDims: out_dims } : {}) };
      const inner = argnums !== undefined ? { argnums } : {};
      let g: unknown = fn;
      for (const name of names.reverse()) {
        const options = name === 'vmap' ? outer : inner;
        g = Object.keys(options).length > 0 ? transform(name)(g, options) : transform(name)(g);
      }
      if (typeof g !== 'function') throw new AdapterError(`${c.op}: the transform gives no function`);
      result = (g as Fn)(...args);
    }
  }
  return result;
}
