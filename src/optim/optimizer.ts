// What all optimizers share: parameter groups, state per parameter, zeroing gradients, saving and restoring.

import { enableGrad, noGrad } from '../autograd/mode.ts';
import { copy } from '../ops/raw.ts';
import { debugEvents } from '../runtime/debug.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { recording } from '../runtime/recording.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Parameters that share options. Options may be changed between steps (learning rate schedules do, and keep `initialLr` here). */
export type ParamGroup<O> = { params: Tensor[]; initialLr?: number } & O;

/** Parameters, or groups of them with options of their own. */
export type ParamsArgument<O> = Iterable<Tensor> | readonly ({ params: Iterable<Tensor> } & Partial<O>)[];

/** State of one parameter: tensors, numbers and lists of them by name. */
export type ParamState = Record<string, Tensor | number | readonly (Tensor | number)[]>;

const tensorsOf = (v: ParamState[string]): Tensor[] =>
  v instanceof Tensor ? [v] : typeof v === 'number' ? [] : v.filter((t) => t instanceof Tensor);

/** What stateDict gives: options per group and state per parameter, numbered as the groups list them. */
export interface OptimizerState<O> {
  state: Record<number, ParamState>;
  paramGroups: ({ params: number[]; initialLr?: number } & O)[];
}

/** Base of the optimizers. Subclasses write `update`, which runs without recording. */
export abstract class Optimizer<O extends object> {
  readonly paramGroups: ParamGroup<O>[] = [];
  readonly defaults: O;
  readonly state = new Map<Tensor, ParamState>();

  constructor(params: ParamsArgument<O>, defaults: O) {
    this.defaults = defaults;
    const list = [...(params as Iterable<Tensor | ({ params: Iterable<Tensor> } & Partial<O>)>)];
    if (list.length === 0) {
      throw new ValueError(
        `${this.constructor.name}: got no parameters; pass net.parameters(), after a first forward pass when layers are lazy`,
      );
    }
    if (list[0] instanceof Tensor) this.addParamGroup({ params: list as Tensor[] } as { params: Tensor[] } & Partial<O>);
    else for (const g of list) this.addParamGroup(g as { params: Iterable<Tensor> } & Partial<O>);
  }

  /** Adds a group; options that it does not give are the optimizer's. */
  addParamGroup(group: { params: Iterable<Tensor> } & Partial<O>): void {
    const params = group.params instanceof Tensor ? [group.params] : [...group.params];
    const seen = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const p of params) {
      if (!(p instanceof Tensor))
        throw new ValueError(`${this.constructor.name}: a parameter is no tensor but ${typeof p}; pass net.parameters()`);
      if (!p.isLeaf)
        throw new ValueError(
          `${this.constructor.name}: a parameter of shape ${show(p.shape)} is the result of an operation; only leaves can be optimized`,
        );
      if (seen.has(p))
        throw new ValueError(`${this.constructor.name}: a parameter of shape ${show(p.shape)} appears twice; list each once`);
      seen.add(p);
    }
    const merged = { ...this.defaults, ...group, params } as ParamGroup<O>;
    this.checkOptions(merged);
    this.paramGroups.push(merged);
  }

  /** Throws a ValueError for options out of range. */
  protected abstract checkOptions(options: O): void;

  /** Updates the parameters of one group that have gradients. */
  protected abstract update(group: ParamGroup<O>): void;

  /** The state of a parameter, made when it is first updated. */
  protected stateOf<S extends ParamState>(param: Tensor, make: () => S): S {
    let s = this.state.get(param);
    if (s === undefined) this.state.set(param, keep((s = make())));
    return s as S;
  }

  /** Shape of the state tensors of a parameter (those that are no scalars). */
  protected stateShape(param: Tensor): Shape {
    return param.shape;
  }

  /** Forgets all gradients; with `setToNone: false` they become zeros in place. */
  zeroGrad({ setToNone = true }: { setToNone?: boolean } = {}): void {
    for (const g of this.paramGroups) {
      for (const p of g.params) {
        if (setToNone) p.clearGrad();
        else if (p.gradInternal !== null) noGrad(() => (p.gradInternal as Tensor).zero_());
      }
    }
  }

  /** One update from the gradients. A closure that computes the loss anew is run first, and its result returned. */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    const result = closure === undefined ? undefined : runClosure(closure);
    noGrad(() => {
      for (const g of this.paramGroups) this.update(g);
    });
    debugEvents?.step(this.constructor.name);
    if (recording !== null) recording.guard(this, this.#unchanged());
    return result;
  }

  /** A check that groups, kinds of options and states are those of now. Numbers may change, but not from or to 0. */
  #unchanged(): () => boolean {
    const groups = this.paramGroups.map((g) => ({ g, params: [...g.params], switches: switchesOf(g) }));
    const states = [...this.state];
    return () => {
      if (this.paramGroups.length !== groups.length || this.state.size !== states.length) return false;
      for (const { g, params, switches } of groups) {
        if (!this.paramGroups.includes(g) || g.params.length !== params.length) return false;
        for (let k = 0; k < params.length; k++) if (g.params[k] !== params[k]) return false;
        const now = switchesOf(g);
        for (let k = 0; k < now.length; k++) if (now[k] !== switches[k]) return false;
      }
      for (const [p, s] of states) if (this.state.get(p) !== s) return false;
      return true;
    };
  }

  /** Options and state, to be saved. Tensors are the live ones: clone them to keep a snapshot. */
  stateDict(): OptimizerState<O> {
    const number = new Map<Tensor, number>();
    const paramGroups = this.paramGroups.map(({ params, ...options }) => ({
      ...options,
      params: params.map((p) => {
        if (!number.has(p)) number.set(p, number.size);
        return number.get(p) as number;
      }),
    })) as OptimizerState<O>['paramGroups'];
    const state: Record<number, ParamState> = {};
    for (const [p, s] of this.state)
      state[number.get(p) as number] = Object.fromEntries(Object.entries(s).map(([k, v]) => [k, Array.isArray(v) ? [...v] : v]));
    return { state, paramGroups };
  }

  /** Restores what stateDict gave: copies tensors, so a run goes on exactly where it was saved. */
  loadStateDict(saved: OptimizerState<O>): void {
    if (saved.paramGroups.length !== this.paramGroups.length) {
      throw new ValueError(
        `loadStateDict: the saved optimizer has ${saved.paramGroups.length} group(s), this one has ${this.paramGroups.length}`,
      );
    }
    const byNumber = new Map<number, Tensor>();
    saved.paramGroups.forEach((g, i) => {
      const mine = this.paramGroups[i];
      if (g.params.length !== mine.params.length) {
        throw new ValueError(`loadStateDict: group ${i} was saved with ${g.params.length} parameter(s) and has ${mine.params.length} here`);
      }
      g.params.forEach((n, k) => byNumber.set(n, mine.params[k]));
    });
    for (const [n, s] of Object.entries(saved.state)) {
      const p = byNumber.get(Number(n));
      if (p === undefined) throw new ValueError(`loadStateDict: there is state of parameter ${n}, but no group lists it`);
      const shape = this.stateShape(p);
      for (const [name, v] of Object.entries(s)) {
        for (const t of tensorsOf(v)) {
          if (t.ndim > 0 && !sameShape(t.shape, shape))
            throw new ShapeError(`loadStateDict: state ${name} of parameter ${n} has shape ${show(t.shape)}; ${show(shape)} was expected`);
        }
      }
    }
    saved.paramGroups.forEach(({ params: _, ...options }, i) => {
      Object.assign(this.paramGroups[i], options);
    });
    const snapshot = (v: Tensor | number): Tensor | number => (typeof v === 'number' ? v : copy(v));
    this.state.clear();
    for (const [n, s] of Object.entries(saved.state)) {
      const fresh: ParamState = {};
      for (const [name, v] of Object.entries(s)) fresh[name] = Array.isArray(v) ? v.map(snapshot) : snapshot(v as Tensor | number);
      this.state.set(byNumber.get(Number(n)) as Tensor, keep(fresh));
    }
  }
}

/** Runs a closure with recording on. ValueError when it is async: the update could not wait for it. */
export function runClosure<T>(closure: () => T): T {
  const result = enableGrad(closure);
  if (result instanceof Promise)
    throw new ValueError('step: the closure is async; await the data first and give step a synchronous closure');
  return result;
}

/** Options by what they switch on: flags as they are, numbers by whether they are 0. The learning rate is always on. */
function switchesOf(options: object): unknown[] {
  return Object.entries(options).map(([name, v]) =>
    typeof v === 'boolean' || v === null ? v : typeof v === 'number' && name !== 'lr' ? v !== 0 : true,
  );
}

/** Makes the tensors of a state outlive scopes. */
export function keep<S extends ParamState>(state: S): S {
  if (recording !== null) recording.once('an optimizer made its state');
  for (const v of Object.values(state)) for (const t of tensorsOf(v)) t.kept = true;
  return state;
}

/** Throws unless `value` is a number of at least 0. */
export function atLeastZero(optimizer: string, name: string, value: number): void {
  if (!(value >= 0)) throw new ValueError(`${optimizer}: ${name} ${value} must be at least 0`);
}

/** Throws unless `value` lies in [0, 1). */
export function fraction(optimizer: string, name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new ValueError(`${optimizer}: ${name} ${value} must be at least 0 and below 1`);
}

/** Throws unless both decay rates lie in [0, 1). */
export function checkBetas(optimizer: string, betas: readonly [number, number]): void {
  fraction(optimizer, 'betas[0]', betas[0]);
  fraction(optimizer, 'betas[1]', betas[1]);
}
