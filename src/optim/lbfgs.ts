// L-BFGS: a quasi-Newton method with a limited memory, for smooth functions over all data at once.

import { noGrad } from '../autograd/mode.ts';
import { alias, copy, copyInto, empty, fill } from '../ops/raw.ts';
import { itemSync } from '../ops/read.ts';
import { amax, reduceExpr } from '../ops/reduce.ts';
import { abs, type Expr, input, mul } from '../ops/scalar.ts';
import { debugEvents } from '../runtime/debug.ts';
import { DTypeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Point, strongWolfe } from './line-search.ts';
import { atLeastZero, keep, Optimizer, type ParamGroup, type ParamState, type ParamsArgument, runClosure } from './optimizer.ts';

export interface LBFGSOptions {
  /** Step length, or the first guess of the line search. */
  lr: number;
  /** Iterations in one call of step. */
  maxIter: number;
  /** Evaluations of the closure in one call of step. Default: 1.25·maxIter. */
  maxEval: number | null;
  /** Stops when no component of the gradient is larger. */
  toleranceGrad: number;
  /** Stops when value or parameters change by less. */
  toleranceChange: number;
  /** Pairs of differences that are remembered. */
  historySize: number;
  /** null takes steps of length lr. */
  lineSearchFn: 'strong_wolfe' | null;
}

type State = {
  funcEvals: number;
  nIter: number;
  /** Last direction and step length. */
  d: Tensor;
  t: number;
  /** Differences of gradients and of parameters, oldest first, and 1/(yᵀs). */
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  /** Scale of the first approximation of the inverse Hessian. */
  hDiag: number;
  prevFlatGrad: Tensor;
  prevLoss: number;
} & ParamState;

const product = mul(input(0), input(1));
const magnitude = abs(input(0));
const total = (expr: Expr, ...vectors: Tensor[]): number =>
  itemSync(reduceExpr('lbfgs', 'sum', expr, vectors, [0], false, vectors[0].dtype));
const dot = (a: Tensor, b: Tensor): number => total(product, a, b);
const largest = (a: Tensor): number => itemSync(amax(a.abs()));

/**
 * L-BFGS (Liu and Nocedal, 1989). `step` needs a closure that clears the gradients, computes the loss, calls backward and returns the
 * loss; it is called several times. All parameters are in one group and of one dtype.
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  constructor(params: ParamsArgument<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    super(params, {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
      ...options,
    });
  }

  protected checkOptions(o: ParamGroup<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) throw new ValueError('LBFGS: there can be one parameter group only; put all parameters into it');
    atLeastZero('LBFGS', 'lr', o.lr);
    for (const name of ['maxIter', 'historySize'] as const)
      if (!(Number.isInteger(o[name]) && o[name] > 0))
        throw new ValueError(`LBFGS: ${name} ${o[name]} must be a whole number of at least 1`);
    if (o.lineSearchFn !== null && o.lineSearchFn !== 'strong_wolfe')
      throw new ValueError(`LBFGS: lineSearchFn '${String(o.lineSearchFn)}' is unknown; use 'strong_wolfe' or null`);
    const odd = o.params.find((p) => p.dtype !== o.params[0].dtype || !isFloating(p.dtype));
    if (odd !== undefined)
      throw new DTypeError(`LBFGS: parameters must have one floating-point dtype; found ${o.params[0].dtype} and ${odd.dtype}`);
  }

  protected update(): void {
    throw new ValueError('LBFGS: step needs a closure that computes the loss and its gradients anew and returns the loss');
  }

  /** Number of elements of all parameters. */
  #size(): number {
    return this.paramGroups[0].params.reduce((n, p) => n + p.numel, 0);
  }

  protected override stateShape(): Shape {
    return [this.#size()];
  }

  /** Calls `fn` with every parameter and the number of elements before it. */
  #each(fn: (p: Tensor, at: number) => void): void {
    let at = 0;
    for (const p of this.paramGroups[0].params) {
      fn(p, at);
      at += p.numel;
    }
  }

  #flatGradient(): Tensor {
    const flat = empty([this.#size()], this.paramGroups[0].params[0].dtype);
    this.#each((p, at) => {
      const part = alias(flat, p.shape, null, at);
      if (p.gradInternal === null) fill(part, 0);
      else copyInto(part, p.gradInternal);
    });
    return flat;
  }

  /** p ← from + t·d; `from` defaults to the parameters themselves. */
  #move(t: number, d: Tensor, from: readonly Tensor[] | null = null): void {
    let k = 0;
    this.#each((p, at) => {
      if (from !== null) p.copy_(from[k++]);
      p.add_(alias(d, p.shape, null, at), { alpha: t });
    });
  }

  /** Minimises for up to maxIter iterations; gives the loss before the first. */
  override step(): undefined;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T | undefined {
    const result = closure === undefined ? void this.update() : noGrad(() => this.#minimise(closure));
    debugEvents?.step(this.constructor.name);
    return result;
  }

  #minimise<T>(closure: () => T): T {
    const group = this.paramGroups[0];
    const evaluate = (): [T, number] => {
      const result = runClosure(closure);
      if (result instanceof Tensor) return [result, itemSync(result)];
      if (typeof result === 'number') return [result, result];
      throw new ValueError(`LBFGS: the closure returned ${typeof result}; it must return the loss, a tensor of one element or a number`);
    };
    const [first, firstLoss] = evaluate();
    let loss = firstLoss;
    let gradient = this.#flatGradient();
    // Vectors are released as they are replaced: the collector has no turn in this loop.
    const replace = (g: Tensor): void => {
      if (g !== gradient) gradient.dispose();
      gradient = g;
    };
    let evaluations = 1;
    const s = this.stateOf(
      group.params[0],
      (): State => ({
        funcEvals: 0,
        nIter: 0,
        d: copy(gradient),
        t: 0,
        oldDirs: [],
        oldStps: [],
        ro: [],
        hDiag: 1,
        prevFlatGrad: copy(gradient),
        prevLoss: loss,
      }),
    );
    s.funcEvals++;
    const round = gradient.dtype === 'float64' ? (x: number): number => x : Math.fround;
    const maxEval = group.maxEval ?? Math.floor(group.maxIter * 1.25);
    for (let iteration = 1; iteration <= group.maxIter && !(largest(gradient) <= group.toleranceGrad); iteration++) {
      s.nIter++;
      if (s.nIter > 1) this.#remember(s, gradient);
      this.#direct(s, gradient);
      s.prevFlatGrad.copy_(gradient);
      s.prevLoss = loss;
      s.t = s.nIter === 1 ? Math.min(1, 1 / total(magnitude, gradient)) * group.lr : group.lr;
      const slope = dot(gradient, s.d);
      if (slope > -group.toleranceChange) break;
      let used = 0;
      if (group.lineSearchFn === 'strong_wolfe') {
        const from = group.params.map((p) => copy(p));
        const tried: Tensor[] = [];
        const along = (t: number): Point<Tensor> => {
          this.#move(t, s.d, from);
          const [, f] = evaluate();
          const g = this.#flatGradient();
          tried.push(g);
          return { t, f, slope: dot(g, s.d), gradient: g };
        };
        const start = { t: 0, f: loss, slope, gradient };
        const { point, evaluations: n } = strongWolfe(along, start, s.t, largest(s.d), group.toleranceChange, round);
        used = n;
        s.t = point.t;
        loss = point.f;
        replace(point.gradient);
        this.#move(s.t, s.d, from);
        for (const v of [...from, ...tried]) if (v !== gradient) v.dispose();
      } else {
        this.#move(s.t, s.d);
        // the last iteration needs no new gradient: the next call of step begins with one
        if (iteration < group.maxIter) {
          [, loss] = evaluate();
          replace(this.#flatGradient());
          used = 1;
        }
      }
      evaluations += used;
      s.funcEvals += used;
      if (evaluations >= maxEval) break;
      if (Math.abs(s.t) * largest(s.d) <= group.toleranceChange || Math.abs(loss - s.prevLoss) < group.toleranceChange) break;
    }
    gradient.dispose();
    return first;
  }

  /** Adds the last step to the history when the curvature along it is positive. */
  #remember(s: State, gradient: Tensor): void {
    const y = gradient.sub(s.prevFlatGrad);
    const step = s.d.mul(s.t);
    const ys = dot(y, step);
    if (ys > 1e-10) {
      s.hDiag = ys / dot(y, y);
      if (s.oldDirs.length === this.paramGroups[0].historySize) for (const list of [s.oldDirs, s.oldStps, s.ro]) list.shift();
      s.oldDirs.push(y);
      s.oldStps.push(step);
      s.ro.push(1 / ys);
      keep(s);
      return;
    }
    y.dispose();
    step.dispose();
  }

  /** d ← -H·g by the two-loop recursion (Nocedal and Wright, algorithm 7.4). */
  #direct(s: State, gradient: Tensor): void {
    const q = s.d.copy_(gradient).neg_();
    const n = s.ro.length;
    const alpha = new Array<number>(n);
    for (let i = n - 1; i >= 0; i--) {
      alpha[i] = dot(s.oldStps[i], q) * s.ro[i];
      q.add_(s.oldDirs[i], { alpha: -alpha[i] });
    }
    if (n > 0) q.mul_(s.hDiag);
    for (let i = 0; i < n; i++) q.add_(s.oldStps[i], { alpha: alpha[i] - dot(s.oldDirs[i], q) * s.ro[i] });
  }
}
