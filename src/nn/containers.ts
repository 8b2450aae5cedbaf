// Containers: Sequential runs modules one after the other; lists and dictionaries only hold modules or parameters.

import { IndexError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type AnyModule, Module } from './module.ts';
import { Parameter } from './parameter.ts';
import { keepsNothing } from './transparent.ts';

const isTransparent = (m: AnyModule): boolean => keepsNothing(m) && !m.hasHooks;

type FirstInput<T extends readonly AnyModule[]> = T extends readonly [infer F, ...unknown[]]
  ? F extends Module<infer In, infer _>
    ? In
    : [Tensor]
  : [Tensor];
type LastOutput<T extends readonly AnyModule[]> = T extends readonly [...unknown[], infer L]
  ? L extends Module<infer _, infer Out>
    ? Out
    : Tensor
  : T extends readonly []
    ? Tensor
    : Tensor;
/** The modules, each checked against the output of the one before. */
type Chain<T extends readonly AnyModule[]> = T extends readonly [infer A, infer B, ...infer R extends readonly AnyModule[]]
  ? A extends Module<infer _, infer Out>
    ? B extends Module<infer In, infer __>
      ? [Out] extends In
        ? Chain<readonly [B & AnyModule, ...R]>
        : never
      : never
    : never
  : T;

/** The entries of a container in order; a module that stands in two places comes twice. */
const entriesOf = <V>(container: object, isEntry: (v: unknown) => v is V): [string, V][] =>
  (Object.entries(container) as [string, unknown][]).filter((e): e is [string, V] => isEntry(e[1]));
const isModule = (v: unknown): v is AnyModule => v instanceof Module;
const isParameter = (v: unknown): v is Parameter => v instanceof Parameter;
const fields = (container: object): Record<string, unknown> => container as Record<string, unknown>;

/** A position from a possibly negative one; `end` allows the place behind the last. */
function placeOf(name: string, i: number, n: number, end = false): number {
  const at = i < 0 ? i + n : i;
  if (!Number.isInteger(i) || at < 0 || at >= n + (end ? 1 : 0))
    throw new IndexError(`${name}: index ${i} is out of range for ${n} element(s)`);
  return at;
}

function checkModule(name: string, at: string, m: unknown): asserts m is AnyModule {
  if (!(m instanceof Module))
    throw new ValueError(`${name}: element ${at} is no module but ${m === null ? 'null' : typeof m}; wrap a function in a Module`);
}

/** Puts new entries in the place of all old ones; names that were given stay with their values. */
function replaceEntries<V>(container: object, old: readonly [string, V][], next: readonly [string | null, V][]): void {
  for (const [name] of old) delete fields(container)[name];
  const taken = new Set(next.map(([name]) => name).filter((name) => name !== null && !/^\d+$/.test(name)));
  next.forEach(([name, v], i) => {
    fields(container)[name !== null && taken.has(name) ? name : String(i)] = v;
  });
}

/** Runs its modules in order. Indexed and named by position ('0.weight'), unless named with addModule. */
export class Sequential<T extends readonly AnyModule[] = readonly Module[]> extends Module<FirstInput<T>, LastOutput<T>> {
  constructor(...modules: Chain<T> extends never ? never : T) {
    super();
    modules.forEach((m: AnyModule, i: number) => {
      this.addModule(String(i), m);
    });
  }

  #list(): AnyModule[] {
    return entriesOf(this, isModule).map(([, m]) => m);
  }

  /** Appends a module under a name. */
  override addModule(name: string, module: AnyModule): this {
    checkModule('Sequential', name, module);
    return super.addModule(name, module);
  }

  /** Appends a module under its position. */
  append(module: AnyModule): this {
    return this.addModule(String(this.size), module);
  }

  /** Appends several modules. */
  extend(modules: Iterable<AnyModule>): this {
    for (const m of modules) this.append(m);
    return this;
  }

  /** Puts a module before position `i`; those behind move on. */
  insert(i: number, module: AnyModule): this {
    checkModule('Sequential', String(i), module);
    const old = entriesOf(this, isModule);
    const next: [string | null, AnyModule][] = [...old];
    next.splice(placeOf('Sequential', i, old.length, true), 0, [null, module]);
    replaceEntries(this, old, next);
    return this;
  }

  /** Puts a module in the place of the one at position `i`. */
  set(i: number, module: AnyModule): this {
    checkModule('Sequential', String(i), module);
    const [name] = entriesOf(this, isModule)[placeOf('Sequential', i, this.size)];
    fields(this)[name] = module;
    return this;
  }

  /** Takes the module at position `i` (the last by default) out and gives it. */
  pop(i = -1): AnyModule {
    const old = entriesOf(this, isModule);
    const at = placeOf('Sequential', i, old.length);
    replaceEntries(
      this,
      old,
      old.filter((_, k) => k !== at),
    );
    return old[at][1];
  }

  /** Number of modules. */
  get size(): number {
    return this.#list().length;
  }

  /** The module at a position; negative counts from the end. */
  at(i: number): AnyModule {
    return this.#list()[placeOf('Sequential', i, this.size)];
  }

  /** A Sequential of the modules from `start` to before `end`; they are shared, and named ones keep their names. */
  slice(start?: number, end?: number): Sequential {
    const out = new Sequential();
    entriesOf(this, isModule)
      .slice(start, end)
      .forEach(([name, m], i) => {
        out.addModule(/^\d+$/.test(name) ? String(i) : name, m);
      });
    return out;
  }

  [Symbol.iterator](): IterableIterator<AnyModule> {
    return this.#list()[Symbol.iterator]();
  }

  forward(...inputs: FirstInput<T>): LastOutput<T> {
    const modules = this.#list();
    let x: unknown = inputs;
    let owned: Tensor | null = null;
    for (let i = 0; i < modules.length; i++) {
      const m = modules[i];
      const y: unknown = i === 0 ? m(...(inputs as unknown[])) : m(x);
      if (owned !== null && owned !== y) owned.dispose();
      const next = modules[i + 1];
      // A result between two transparent modules has no other holder than the graph.
      const mine: boolean =
        next !== undefined && y instanceof Tensor && y !== x && y !== inputs[0] && isTransparent(m) && isTransparent(next);
      owned = mine ? (y as Tensor) : owned !== null && owned === y ? owned : null;
      x = y;
    }
    if (modules.length === 0) x = inputs[0];
    return x as LastOutput<T>;
  }
}

/** Holds modules so that their parameters are found; has no forward. */
export class ModuleList<M extends AnyModule = AnyModule> extends Module<[], never> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  #list(): M[] {
    return entriesOf(this, isModule).map(([, m]) => m as M);
  }
  #replace(next: readonly M[]): void {
    replaceEntries(
      this,
      entriesOf(this, isModule),
      next.map((m) => [null, m]),
    );
  }

  /** Appends a module. */
  append(module: M): this {
    checkModule('ModuleList', String(this.size), module);
    fields(this)[String(this.size)] = module;
    return this;
  }

  /** Appends several modules. */
  extend(modules: Iterable<M>): this {
    for (const m of modules) this.append(m);
    return this;
  }

  /** Puts a module before position `i`; those behind move on. */
  insert(i: number, module: M): this {
    checkModule('ModuleList', String(i), module);
    const next = this.#list();
    next.splice(placeOf('ModuleList', i, next.length, true), 0, module);
    this.#replace(next);
    return this;
  }

  /** Puts a module in the place of the one at position `i`. */
  set(i: number, module: M): this {
    checkModule('ModuleList', String(i), module);
    fields(this)[String(placeOf('ModuleList', i, this.size))] = module;
    return this;
  }

  /** Takes the module at position `i` (the last by default) out and gives it. */
  pop(i = -1): M {
    const next = this.#list();
    const [m] = next.splice(placeOf('ModuleList', i, next.length), 1);
    this.#replace(next);
    return m;
  }

  /** Number of modules. */
  get size(): number {
    return this.#list().length;
  }

  /** The module at a position; negative counts from the end. */
  at(i: number): M {
    return this.#list()[placeOf('ModuleList', i, this.size)];
  }

  /** A ModuleList of the modules from `start` to before `end`, which are shared. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList(this.#list().slice(start, end));
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.#list()[Symbol.iterator]();
  }

  forward(): never {
    throw new ValueError('ModuleList: has no forward; iterate over it and call its modules');
  }
}

function checkKey(name: string, holder: object, key: string): void {
  if (key === '' || key.includes('.')) throw new ValueError(`${name}: the key '${key}' must not be empty or contain a dot`);
  const old = fields(holder)[key];
  if (key in holder && !(old instanceof Module || old instanceof Parameter))
    throw new ValueError(`${name}: the key '${key}' is the name of a member of the container; choose another`);
}

/** A list of key and value pairs from what a dictionary is made of. */
const pairsOf = <V>(entries: Readonly<Record<string, V>> | Iterable<readonly [string, V]>): Iterable<readonly [string, V]> =>
  Symbol.iterator in entries ? (entries as Iterable<readonly [string, V]>) : Object.entries(entries);

/** Holds modules under keys so that their parameters are found; has no forward. Keys are names of fields, so integer keys come first. */
export class ModuleDict<M extends AnyModule = AnyModule> extends Module<[], never> {
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super();
    this.update(modules);
  }

  /** Sets a module. */
  set(key: string, module: M): this {
    checkKey('ModuleDict', this, key);
    checkModule('ModuleDict', key, module);
    fields(this)[key] = module;
    return this;
  }

  /** Sets several modules. */
  update(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>): this {
    for (const [key, m] of pairsOf(modules)) this.set(key, m);
    return this;
  }

  /** The module under a key; IndexError when there is none. */
  get(key: string): M {
    const found = entriesOf(this, isModule).find(([name]) => name === key);
    if (found === undefined) throw new IndexError(`ModuleDict: no module under '${key}'; it has ${[...this.keys()].join(', ')}`);
    return found[1] as M;
  }

  has(key: string): boolean {
    return entriesOf(this, isModule).some(([name]) => name === key);
  }

  /** Takes the module under a key out and gives it. */
  pop(key: string): M {
    const m = this.get(key);
    delete fields(this)[key];
    return m;
  }

  /** Takes all modules out. */
  clear(): void {
    for (const key of this.keys()) delete fields(this)[key];
  }

  get size(): number {
    return this.keys().length;
  }

  keys(): string[] {
    return entriesOf(this, isModule).map(([name]) => name);
  }

  values(): M[] {
    return entriesOf(this, isModule).map(([, m]) => m as M);
  }

  entries(): [string, M][] {
    return entriesOf(this, isModule) as [string, M][];
  }

  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.entries()[Symbol.iterator]();
  }

  forward(): never {
    throw new ValueError('ModuleDict: has no forward; get its modules and call them');
  }
}

/** A tensor as a parameter. */
const asParameter = (name: string, at: string, t: unknown): Parameter => {
  if (t instanceof Parameter) return t;
  if (!(t instanceof Tensor)) throw new ValueError(`${name}: element ${at} is no tensor but ${t === null ? 'null' : typeof t}`);
  return new Parameter(t);
};
const describeParameter = (p: Parameter): string => `Parameter of ${p.dtype}, shape ${show(p.shape)}`;

/** Holds parameters in order; tensors become parameters. */
export class ParameterList extends Module<[], never> {
  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  #list(): Parameter[] {
    return entriesOf(this, isParameter).map(([, p]) => p);
  }

  /** Appends a parameter. */
  append(parameter: Tensor): this {
    fields(this)[String(this.size)] = asParameter('ParameterList', String(this.size), parameter);
    return this;
  }

  /** Appends several parameters. */
  extend(parameters: Iterable<Tensor>): this {
    for (const p of parameters) this.append(p);
    return this;
  }

  /** Puts a parameter in the place of the one at position `i`. */
  set(i: number, parameter: Tensor): this {
    fields(this)[String(placeOf('ParameterList', i, this.size))] = asParameter('ParameterList', String(i), parameter);
    return this;
  }

  /** Number of parameters. */
  get size(): number {
    return this.#list().length;
  }

  /** The parameter at a position; negative counts from the end. */
  at(i: number): Parameter {
    return this.#list()[placeOf('ParameterList', i, this.size)];
  }

  /** A ParameterList of the parameters from `start` to before `end`, which are shared. */
  slice(start?: number, end?: number): ParameterList {
    return new ParameterList(this.#list().slice(start, end));
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#list()[Symbol.iterator]();
  }

  forward(): never {
    throw new ValueError('ParameterList: has no forward; use its parameters');
  }

  protected override extraRepr(): string {
    return this.#list().map(describeParameter).join('; ');
  }
}

/** Holds parameters under keys; tensors become parameters. Keys are names of fields, so integer keys come first. */
export class ParameterDict extends Module<[], never> {
  constructor(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]> = {}) {
    super();
    this.update(parameters);
  }

  /** Sets a parameter. */
  set(key: string, parameter: Tensor): this {
    checkKey('ParameterDict', this, key);
    fields(this)[key] = asParameter('ParameterDict', key, parameter);
    return this;
  }

  /** Sets several parameters. */
  update(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>): this {
    for (const [key, p] of pairsOf(parameters)) this.set(key, p);
    return this;
  }

  /** The parameter under a key; IndexError when there is none. */
  get(key: string): Parameter {
    const found = entriesOf(this, isParameter).find(([name]) => name === key);
    if (found === undefined) throw new IndexError(`ParameterDict: no parameter under '${key}'; it has ${this.keys().join(', ')}`);
    return found[1];
  }

  has(key: string): boolean {
    return entriesOf(this, isParameter).some(([name]) => name === key);
  }

  /** Takes the parameter under a key out and gives it. */
  pop(key: string): Parameter {
    const p = this.get(key);
    delete fields(this)[key];
    return p;
  }

  get size(): number {
    return this.keys().length;
  }

  keys(): string[] {
    return entriesOf(this, isParameter).map(([name]) => name);
  }

  values(): Parameter[] {
    return entriesOf(this, isParameter).map(([, p]) => p);
  }

  entries(): [string, Parameter][] {
    return entriesOf(this, isParameter);
  }

  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.entries()[Symbol.iterator]();
  }

  forward(): never {
    throw new ValueError('ParameterDict: has no forward; get its parameters and use them');
  }

  protected override extraRepr(): string {
    return this.entries()
      .map(([key, p]) => `${key}: ${describeParameter(p)}`)
      .join('; ');
  }
}
