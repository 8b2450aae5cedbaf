// Runs optimizer, gradient clipping and scheduler cases.

import { classOf, clipFunction, epochFunctions, optionsOf, schedulerCall, Unavailable, unmark } from './adapter/index.ts';
import type { Case, Json, JsonObject } from './cases.ts';
import { compareResults, compareValue, type Difference, hostOf, type Tolerance } from './compare.ts';
import { type Context, toleranceOf } from './context.ts';
import { Decoder, isObject } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { CaseFileError, type HostArray } from './tensors.ts';

interface OptimizerLike {
  readonly paramGroups: ({ params: Tensor[]; lr: number; momentum?: number; betas?: readonly number[] } & Record<string, unknown>)[];
  step(closure?: () => unknown): unknown;
  zeroGrad?(): void;
}

interface SchedulerLike {
  step(metric?: number): void;
}

function makeOptimizer(ctx: Context, op: string, groups: readonly unknown[], options: Record<string, unknown>): OptimizerLike {
  const Class = classOf(ctx.adapter.lib, op);
  if (Class === null) throw new Unavailable(op, op);
  return new Class(groups, options) as OptimizerLike;
}

type Point = { readonly value: number; readonly gradient: number[] };

/** The test functions of the cases, with their gradients. */
const functions: Readonly<Record<string, (x: readonly number[]) => Point>> = {
  rosenbrock(x) {
    const gradient = x.map(() => 0);
    let value = 0;
    for (let i = 0; i + 1 < x.length; i++) {
      const r = x[i + 1] - x[i] ** 2;
      value += 100 * r * r + (1 - x[i]) ** 2;
      gradient[i] += -400 * r * x[i] - 2 * (1 - x[i]);
      gradient[i + 1] += 200 * r;
    }
    return { value, gradient };
  },
  quadratic(x) {
    const a = (i: number, j: number): number => 1 / (1 + Math.abs(i - j)) + (i === j ? 2 : 0);
    const ax = x.map((_, i) => x.reduce((s, v, j) => s + a(i, j) * v, 0));
    return {
      value: x.reduce((s, v, i) => s + 0.5 * v * ax[i] - (i + 1) * v, 0),
      gradient: ax.map((v, i) => v - (i + 1)),
    };
  },
  beale([a, b]) {
    const r = [1.5 - a + a * b, 2.25 - a + a * b ** 2, 2.625 - a + a * b ** 3];
    return {
      value: r.reduce((s, v) => s + v * v, 0),
      gradient: [
        2 * (r[0] * (b - 1) + r[1] * (b ** 2 - 1) + r[2] * (b ** 3 - 1)),
        2 * (r[0] * a + r[1] * 2 * a * b + r[2] * 3 * a * b ** 2),
      ],
    };
  },
};

/** Compares what a parameter was after each step with [steps, ...shape]. */
function compareSteps(what: string, got: readonly HostArray[], want: HostArray, tol: Tolerance): Difference | null {
  const size = want.data.length / Math.max(1, want.shape[0]);
  for (let s = 0; s < got.length; s++) {
    const part: HostArray = { dtype: want.dtype, shape: want.shape.slice(1), data: want.data.slice(s * size, (s + 1) * size) };
    const t = ft.fromTyped(got[s].data, got[s].shape, got[s].dtype);
    const d = compareValue(`${what} after step ${s + 1}`, t, part, tol);
    if (d !== null) return d;
  }
  return null;
}

const sliceOf = (h: HostArray, s: number): Tensor => {
  const size = h.data.length / Math.max(1, h.shape[0]);
  return ft.fromTyped(h.data.slice(s * size, (s + 1) * size), h.shape.slice(1), h.dtype);
};

export function runOptimizer(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors);
  const params: Tensor[] = [];
  const groups = (c.groups ?? []).map((g, i) => {
    const { params: refs, ...own } = g;
    const list = decoder.list(refs as readonly Json[], `groups.${i}.params`) as Tensor[];
    for (const p of list) p.requiresGrad = true;
    params.push(...list);
    return { ...optionsOf(decoder.named(own, `groups.${i}`), ctx.adapter.lib), params: list };
  });
  const opt = makeOptimizer(ctx, c.op, groups, optionsOf(decoder.named(c.kwargs ?? {}, 'kwargs'), ctx.adapter.lib));
  const steps = c.steps ?? 0;
  const history: HostArray[][] = params.map(() => []);
  const losses: number[] = [];
  const f = c.function === undefined ? null : functions[c.function];
  if (f === undefined) throw new CaseFileError(`unknown function '${c.function}'`);
  const sequences = (c.grad_seq ?? []).map((v) => decoder.expected(v) as HostArray);
  const step = ctx.execution.stepper(() => void opt.step());
  for (let s = 0; s < steps; s++) {
    if (f !== null) {
      const [x] = params;
      const loss = opt.step(() => {
        const { value, gradient } = f(Array.from(hostOf(x).data, Number));
        x.grad = ft.tensor(gradient, { dtype: x.dtype });
        return ft.tensor(value, { dtype: x.dtype });
      });
      losses.push(loss instanceof ft.Tensor ? ft.itemSync(loss) : Number(loss));
    } else {
      params.forEach((p, i) => {
        p.grad = sliceOf(sequences[i], s);
      });
      step();
    }
    params.forEach((p, i) => {
      history[i].push(hostOf(p));
    });
  }
  if (c.error !== undefined) return null;
  const want = (c.out ?? []).map((v) => decoder.expected(v));
  for (let i = 0; i < params.length; i++) {
    const d = compareSteps(`parameter ${i}`, history[i], want[i] as HostArray, tol);
    if (d !== null) return d;
  }
  if (f === null) return null;
  const wanted = want[params.length] as HostArray;
  return compareValue('losses', ft.tensor(losses, { dtype: wanted.dtype }), wanted, tol);
}

export function runClip(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors);
  const clip = clipFunction(ctx.adapter.lib, c.op);
  if (clip === null) throw new Unavailable(c.op, c.op);
  const params = (c.param_grads ?? []).map((v, i) => {
    const g = decoder.value(v, `param_grads.${i}`) as Tensor;
    const p = ft.zerosLike(g);
    p.requiresGrad = true;
    p.grad = g;
    return p;
  });
  const args = decoder.list(c.args ?? [], 'args').map((v) => unmark(v, false, ctx.adapter.lib));
  const options = optionsOf(decoder.named(c.kwargs ?? {}, 'kwargs'), ctx.adapter.lib);
  const before = params.map((p) => ft.clone(p.grad as Tensor));
  const again = (): void =>
    params.forEach((p, i) => {
      p.grad = ft.clone(before[i]);
    });
  const norm = ctx.execution.run(null, () => clip(params, ...args, ...(Object.keys(options).length > 0 ? [options] : [])), again);
  const grads = params.map((p) => p.grad);
  const want = (c.out ?? []).map((v) => decoder.expected(v));
  // The norm may be a 0-d tensor as in PyTorch, or a number.
  const first = want[0] as HostArray;
  const results =
    want.length > grads.length ? [typeof norm === 'number' ? ft.tensor(norm, { dtype: first.dtype }) : norm, ...grads] : grads;
  return compareResults(results, want, tol);
}

/** A scheduler by its name; sub-schedulers share the optimizer. */
function makeScheduler(ctx: Context, op: string, kwargs: JsonObject, opt: OptimizerLike, decoder: Decoder): SchedulerLike {
  const Class = classOf(ctx.adapter.lib, op);
  if (Class === null) throw new Unavailable(op, op);
  const epochFunction = (v: Json): unknown => {
    if (Array.isArray(v)) return v.map((x: Json) => epochFunction(x));
    const f = typeof v === 'string' ? epochFunctions[v] : undefined;
    if (f === undefined) throw new CaseFileError(`unknown function of the epoch ${JSON.stringify(v)}`);
    return f;
  };
  const { lambda, schedulers, ...rest } = kwargs;
  const options = optionsOf(decoder.named(rest, 'kwargs'), ctx.adapter.lib);
  if (lambda !== undefined) options.lambda = epochFunction(lambda);
  if (Array.isArray(schedulers)) {
    options.schedulers = schedulers.map((s: Json) => {
      if (!isObject(s)) throw new CaseFileError('a sub-scheduler is no object');
      return makeScheduler(ctx, String(s.op), s.kwargs as JsonObject, opt, decoder);
    });
  }
  const args = schedulerCall(op, options);
  return (op.endsWith('ChainedScheduler') ? new Class(...args) : new Class(opt, ...args)) as SchedulerLike;
}

export function runScheduler(ctx: Context, c: Case): Difference | null {
  const tol = toleranceOf(c, ctx.factor);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors);
  const groups = (c.lrs ?? []).map((lr) => ({ params: [ft.zeros([1], { requiresGrad: true })], lr }));
  const options = optionsOf(decoder.named(c.optimizer?.kwargs ?? {}, 'optimizer.kwargs'), ctx.adapter.lib);
  const opt = makeOptimizer(ctx, c.optimizer?.op ?? 'optim.SGD', groups, { lr: c.lrs?.[0] ?? 0.1, ...options });
  const scheduler = makeScheduler(ctx, c.op, c.kwargs ?? {}, opt, decoder);
  const rates: number[][] = [];
  const momenta: number[][] = [];
  const metrics = (c.metrics ?? []).map((m, i) => unmark(decoder.value(m, `metrics.${i}`), false, ctx.adapter.lib) as number);
  for (let e = 0; e < (c.epochs ?? 0); e++) {
    rates.push(opt.paramGroups.map((g) => g.lr));
    momenta.push(opt.paramGroups.map((g) => (g.betas !== undefined ? g.betas[0] : (g.momentum ?? 0))));
    opt.step();
    if (metrics.length > 0) scheduler.step(metrics[e]);
    else scheduler.step();
  }
  if (c.error !== undefined) return null;
  return compareResults(
    c.track_momentum ? [rates, momenta] : [rates],
    (c.out ?? []).map((v) => decoder.expected(v)),
    tol,
  );
}
