// Module: the base class of layers and networks. An instance is a function: `net(x)` runs its hooks and `forward`. Parameters, buffers
// and child modules are found by walking the instance's own properties when they are asked for: no proxies, no setters, no registration.

import { noGrad } from '../autograd/mode.ts';
import { copyInto } from '../ops/raw.ts';
import { FathomError, ShapeError, ValueError } from '../runtime/errors.ts';
import { recording } from '../runtime/recording.ts';
import { deviceNames } from '../runtime/runtime.ts';
import { checkDType, type DType, isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { BackwardHooks, type FullBackwardHook, type FullBackwardPreHook } from './backward-hooks.ts';
import { isLazy, Parameter } from './parameter.ts';
import { type LayerSummary, summarize } from './summary.ts';

/** Any module, whatever it takes and gives. */
// biome-ignore lint/suspicious/noExplicitAny: inputs are contravariant, so only any stands for every module
export type AnyModule = Module<any, any>;

/** Tensors by their path, such as 'layers.0.weight'. */
export type StateDict = Record<string, Tensor>;

/** Called with the inputs before forward; what it returns (a list of inputs) replaces them. */
export type ForwardPreHook<In extends unknown[]> = (module: AnyModule, inputs: In) => In | undefined | void;
/** Called with inputs and output after forward; what it returns replaces the output. */
export type ForwardHook<In extends unknown[], Out> = (module: AnyModule, inputs: In, output: Out) => Out | undefined | void;

/** What loadStateDict did not find a place for. */
export interface LoadResult {
  missing: string[];
  unexpected: string[];
}

// Merges with the class below, which a type alias could not: it makes instances callable for the type checker.
export interface Module<In extends unknown[] = [Tensor], Out = Tensor> {
  (...inputs: In): Out;
}

/** Appends a hook and gives the function that removes it. */
function addHook<H>(list: H[], hook: H): () => void {
  list.push(hook);
  return () => void (list.includes(hook) && list.splice(list.indexOf(hook), 1));
}

/** Makes instances that are functions. A class of its own, because fields of Module belong on the function that it returns. */
class Callable {
  constructor() {
    // biome-ignore lint/suspicious/noExplicitAny: the instance is this function, with the class's prototype
    const call: any = (...inputs: unknown[]): unknown => call.run(inputs);
    // a function's own name and length would hide fields of the same name
    delete call.name;
    delete call.length;
    // biome-ignore lint/correctness/noConstructorReturn: this is how an instance becomes callable
    return Object.setPrototypeOf(call, new.target.prototype);
  }
}

/** Base class of layers and networks: extend it, put parameters and modules into fields, and write `forward`. */
export abstract class Module<In extends unknown[] = [Tensor], Out = Tensor> extends Callable {
  /** True while training: dropout drops and batch normalisation uses the batch. */
  training = true;
  #buffers: Map<string, boolean> | null = null; // name to persistence
  #optional: Set<string> | null = null; // buffers that a state may lack
  #preHooks: ForwardPreHook<In>[] | null = null;
  #hooks: ForwardHook<In, Out>[] | null = null;
  #backwardHooks: BackwardHooks<AnyModule> | null = null;

  /** Computes the output. Call the module itself, so that hooks run. */
  abstract forward(...inputs: In): Out;

  /** What a call of the instance does. */
  protected run(inputs: In): Out {
    let ins = inputs;
    if (this.#preHooks !== null) for (const hook of this.#preHooks) ins = hook(this as unknown as AnyModule, ins) ?? ins;
    if (recording !== null) recording.guard(this, this.#unchanged());
    let out = this.#backwardHooks?.active ? this.#backwardHooks.run(ins, (entered) => this.forward(...entered)) : this.forward(...ins);
    if (this.#hooks !== null) for (const hook of this.#hooks) out = hook(this as unknown as AnyModule, ins, out) ?? out;
    return out;
  }

  /** A check that mode, parameters and buffers of this module, without children, are those of now. */
  #unchanged(): () => boolean {
    const { training } = this;
    const fields = this as unknown as Record<string, unknown>;
    const own = [...this.ownParameters(), ...this.ownBuffers()].map(([name, t]) => ({ name, t, storage: t.storage, on: t.requiresGrad }));
    return () => {
      if (this.training !== training) return false;
      for (const { name, t, storage, on } of own) if (fields[name] !== t || t.storage !== storage || t.requiresGrad !== on) return false;
      return true;
    };
  }

  /** True when a hook watches this module. */
  get hasHooks(): boolean {
    return (this.#hooks?.length ?? 0) + (this.#preHooks?.length ?? 0) > 0 || (this.#backwardHooks?.active ?? false);
  }

  /** Adds a hook that runs after forward; returns a function that removes it. */
  registerForwardHook(hook: ForwardHook<In, Out>): () => void {
    return addHook((this.#hooks ??= []), hook);
  }

  /** Adds a hook that runs before forward; returns a function that removes it. */
  registerForwardPreHook(hook: ForwardPreHook<In>): () => void {
    return addHook((this.#preHooks ??= []), hook);
  }

  /**
   * Adds a hook that runs in backward when the gradients of the inputs are known (null where an input needs none); what it returns replaces
   * them. Returns a function that removes it.
   */
  registerFullBackwardHook(hook: FullBackwardHook<AnyModule>): () => void {
    return addHook((this.#backwardHooks ??= new BackwardHooks<AnyModule>(this as unknown as AnyModule)).hooks, hook);
  }

  /** Adds a hook that runs in backward before this module; what it returns replaces the gradients of the outputs. Returns a function that removes it. */
  registerFullBackwardPreHook(hook: FullBackwardPreHook<AnyModule>): () => void {
    return addHook((this.#backwardHooks ??= new BackwardHooks<AnyModule>(this as unknown as AnyModule)).preHooks, hook);
  }

  /**
   * Makes `tensor` a buffer: part of the state but not trained. Not saved when `persistent` is false; a state that is loaded may lack it when
   * `optional` is true.
   */
  registerBuffer(
    name: string,
    tensor: Tensor | null,
    { persistent = true, optional = false }: { persistent?: boolean; optional?: boolean } = {},
  ): void {
    if (tensor !== null) tensor.kept = true;
    (this.#buffers ??= new Map()).set(name, persistent);
    if (optional) (this.#optional ??= new Set()).add(name);
    Object.assign(this, { [name]: tensor });
  }

  /** Adds a parameter under a name that is known at run time only. */
  registerParameter(name: string, parameter: Parameter | null): void {
    Object.assign(this, { [name]: parameter });
  }

  /** Adds a child module under a name that is known at run time only. */
  addModule(name: string, module: AnyModule): this {
    if (name === '' || name.includes('.')) throw new ValueError(`addModule: the name '${name}' must not be empty or contain a dot`);
    Object.assign(this, { [name]: module });
    return this;
  }

  /** Own parameters, without those of children. */
  ownParameters(): [string, Parameter][] {
    return Object.entries(this).filter((e): e is [string, Parameter] => e[1] instanceof Parameter && this.#buffers?.has(e[0]) !== true);
  }

  /** Own buffers, without those of children. */
  ownBuffers(): [string, Tensor][] {
    const out: [string, Tensor][] = [];
    for (const name of this.#buffers?.keys() ?? []) {
      const t = (this as unknown as Record<string, unknown>)[name];
      if (t instanceof Tensor) out.push([name, t]);
    }
    return out;
  }

  #savedBuffers(): [string, Tensor][] {
    return this.ownBuffers().filter(([name]) => this.#buffers?.get(name) === true);
  }

  /** Child modules by field name; a module in two fields comes once. */
  namedChildren(): [string, AnyModule][] {
    const seen = new Set<unknown>();
    return (Object.entries(this) as [string, unknown][]).filter((e): e is [string, AnyModule] => {
      if (!(e[1] instanceof Module) || seen.has(e[1])) return false;
      seen.add(e[1]);
      return true;
    });
  }

  /** Child modules. */
  children(): AnyModule[] {
    return this.namedChildren().map(([, m]) => m);
  }

  /** This module and all below it by path, parents first; each once. */
  namedModules(prefix = '', seen: Set<unknown> = new Set()): [string, AnyModule][] {
    if (seen.has(this)) return [];
    seen.add(this);
    const out: [string, AnyModule][] = [[prefix, this as unknown as AnyModule]];
    for (const [name, child] of this.namedChildren()) out.push(...child.namedModules(prefix === '' ? name : `${prefix}.${name}`, seen));
    return out;
  }

  /** This module and all below it. */
  modules(): AnyModule[] {
    return this.namedModules().map(([, m]) => m);
  }

  /** All parameters by path; a parameter that is used twice comes once. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Tensor>();
    const out: [string, Parameter][] = [];
    for (const [path, m] of this.namedModules())
      for (const [name, p] of m.ownParameters()) {
        if (seen.has(p)) continue;
        seen.add(p);
        out.push([path === '' ? name : `${path}.${name}`, p]);
      }
    return out;
  }

  /** All parameters. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, p]) => p);
  }

  /** All buffers by path. */
  namedBuffers(): [string, Tensor][] {
    return this.namedModules().flatMap(([path, m]) =>
      m.ownBuffers().map(([name, t]): [string, Tensor] => [path === '' ? name : `${path}.${name}`, t]),
    );
  }

  /** All buffers. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, t]) => t);
  }

  /** The module at a path such as 'layers.0'; '' is this one. ValueError names what is there. */
  getSubmodule(path: string): AnyModule {
    let at = this as unknown as AnyModule;
    for (const name of path === '' ? [] : path.split('.')) {
      const next: unknown = (at as unknown as Record<string, unknown>)[name];
      if (!(next instanceof Module))
        throw new ValueError(
          `getSubmodule: no module '${name}' on the path '${path}'; ${at.kind} has ${
            at
              .namedChildren()
              .map(([n]) => n)
              .join(', ') || 'none'
          }`,
        );
      at = next as unknown as AnyModule;
    }
    return at;
  }

  #ownAt<T extends Tensor>(what: string, path: string, list: (m: AnyModule) => [string, T][]): T {
    const dot = path.lastIndexOf('.');
    const own = list(this.getSubmodule(path.slice(0, Math.max(dot, 0))));
    const found = own.find(([name]) => name === path.slice(dot + 1));
    if (found === undefined)
      throw new ValueError(`${what}: nothing at '${path}'; there are ${own.map(([name]) => name).join(', ') || 'none'}`);
    return found[1];
  }

  /** The parameter at a path such as 'layers.0.weight'. */
  getParameter(path: string): Parameter {
    return this.#ownAt('getParameter', path, (m) => m.ownParameters());
  }

  /** The buffer at a path such as 'norm.running_mean'. */
  getBuffer(path: string): Tensor {
    return this.#ownAt('getBuffer', path, (m) => m.ownBuffers());
  }

  /** Everything under one path each, shared modules under every path, as in PyTorch's files. */
  #entries(prefix: string, out: [string, Tensor][], optional?: Set<string>): void {
    for (const [name, p] of this.ownParameters()) out.push([prefix + name, p]);
    for (const [name, t] of this.#savedBuffers()) out.push([prefix + name, t]);
    for (const name of this.#optional ?? []) optional?.add(prefix + name);
    for (const [name, value] of Object.entries(this) as [string, unknown][])
      if (value instanceof Module) (value as Module).#entries(`${prefix}${name}.`, out, optional);
  }

  /** Parameters and saved buffers by path. The tensors are the live ones: clone them to keep a snapshot. */
  stateDict(): StateDict {
    const entries: [string, Tensor][] = [];
    this.#entries('', entries);
    return Object.fromEntries(entries);
  }

  /**
   * Copies a state dict (an object, or a Map as loadSafetensors gives it) into this module. With `strict` (the default) every name must be there on
   * both sides (counters of batches excepted, which old files lack), else ValueError; a shape that differs is always a ShapeError. Both list
   * all offenders. Lazy layers take their shapes from the state.
   */
  loadStateDict(given: Readonly<StateDict> | ReadonlyMap<string, Tensor>, { strict = true }: { strict?: boolean } = {}): LoadResult {
    const entries: [string, Tensor][] = [];
    const optional = new Set<string>();
    this.#entries('', entries, optional);
    const own: StateDict = Object.fromEntries(entries);
    const state: Readonly<StateDict> = given instanceof Map ? Object.fromEntries(given) : (given as Readonly<StateDict>);
    const missing = Object.keys(own).filter((k) => !(k in state) && !optional.has(k));
    const unexpected = Object.keys(state).filter((k) => !(k in own));
    const list = (names: string[]): string => names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '');
    if (strict && missing.length + unexpected.length > 0) {
      const parts = [
        missing.length > 0 ? `missing: ${list(missing)}` : '',
        unexpected.length > 0 ? `unexpected: ${list(unexpected)}` : '',
      ].filter((s) => s !== '');
      throw new ValueError(
        `loadStateDict: the names do not match (${parts.join('; ')}); rename the entries, or pass { strict: false } to load what fits`,
      );
    }
    const misfits: string[] = [];
    for (const [name, t] of Object.entries(own)) {
      const from = state[name];
      if (from !== undefined && !isLazy(t) && !sameShape(from.shape, t.shape))
        misfits.push(`${name} is ${show(t.shape)} here and ${show(from.shape)} in the state`);
    }
    if (misfits.length > 0)
      throw new ShapeError(`loadStateDict: shapes differ: ${misfits.join('; ')}; build the module with the sizes of the state`);
    noGrad(() => {
      for (const [name, t] of Object.entries(own)) {
        const from = state[name];
        if (from === undefined) continue;
        if (isLazy(t)) t.materialize(from.shape);
        copyInto(t, from);
        t.storage.version++;
      }
    });
    for (const m of this.modules()) m.afterLoad();
    return { missing, unexpected };
  }

  /** Called after a state was loaded; lazy layers read their sizes from the parameters. */
  protected afterLoad(): void {}

  /** Turns an instance of a class marked `static lazy` into its plain class; lazy layers call it when their shapes are known. */
  protected settle(): void {
    const prototype: object = Object.getPrototypeOf(this);
    if (Object.hasOwn(prototype.constructor, 'lazy')) Object.setPrototypeOf(this, Object.getPrototypeOf(prototype));
  }

  /** Runs `fn` on every module, children first, then on this one. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this as unknown as AnyModule);
    return this;
  }

  /** Sets training mode here and below. */
  train(on = true): this {
    for (const m of this.modules()) m.training = on;
    return this;
  }

  /** Sets evaluation mode here and below. */
  eval(): this {
    return this.train(false);
  }

  /** Sets requiresGrad of all parameters (false freezes the module). */
  requiresGrad_(on = true): this {
    for (const p of this.parameters()) p.requiresGrad = on;
    return this;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.clearGrad();
  }

  /** Casts floating-point parameters and buffers to a dtype; a device name is checked and otherwise changes nothing here. */
  to(target: DType | string): this {
    if ((deviceNames as readonly string[]).includes(target)) return this;
    const dtype = checkDType(target, 'to: dtype or device');
    for (const m of this.modules()) {
      for (const [, p] of m.ownParameters()) if (isFloating(p.dtype)) p.castInPlace(dtype);
      for (const [name, b] of m.ownBuffers())
        if (isFloating(b.dtype) && b.dtype !== dtype) {
          if (b instanceof Parameter) b.castInPlace(dtype);
          else m.replaceBuffer(name, b.to(dtype));
        }
    }
    return this;
  }

  /** Puts another tensor in the place of a buffer. */
  replaceBuffer(name: string, t: Tensor): void {
    t.kept = true;
    Object.assign(this, { [name]: t });
  }

  /** Casts to float64. */
  double(): this {
    return this.to('float64');
  }

  /** Casts to float32. */
  float(): this {
    return this.to('float32');
  }

  /** Name of the class as it is printed. */
  get kind(): string {
    return this.constructor.name;
  }

  /** What stands between the parentheses in print. */
  protected extraRepr(): string {
    return '';
  }

  /** The tree of modules. */
  override toString(): string {
    const children = this.namedChildren();
    if (children.length === 0) return `${this.kind}(${this.extraRepr()})`;
    const lines = children.map(([name, m]) => `  (${name}): ${String(m).replaceAll('\n', '\n  ')}`);
    const extra = this.extraRepr();
    return `${this.kind}(\n${extra === '' ? '' : `  ${extra}\n`}${lines.join('\n')}\n)`;
  }

  /** Runs the module on `inputs` in evaluation mode and tells output shapes and parameter counts layer by layer. `String(...)` makes a table. */
  summary(...inputs: In): LayerSummary {
    return summarize(this as unknown as AnyModule, inputs);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** Throws when a parameter still waits for its first input. */
export function checkMaterialized(name: string, parameters: Iterable<Tensor>): void {
  for (const p of parameters)
    if (isLazy(p)) throw new FathomError(`${name}: a lazy parameter has no shape yet; run the module once on an input first`);
}
