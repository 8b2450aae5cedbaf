// Containers: Sequential runs modules one after the other; ModuleList only holds them.

import { IndexError, ValueError } from '../runtime/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type AnyModule, Module } from './module.ts';
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

/** Runs its modules in order. Indexed and named by position ('0.weight'), unless named with addModule. */
export class Sequential<T extends readonly AnyModule[] = readonly Module[]> extends Module<FirstInput<T>, LastOutput<T>> {
  constructor(...modules: Chain<T> extends never ? never : T) {
    super();
    modules.forEach((m: AnyModule, i: number) => {
      this.addModule(String(i), m);
    });
  }

  /** Appends a module under a name. */
  override addModule(name: string, module: AnyModule): this {
    if (!(module instanceof Module))
      throw new ValueError(`Sequential: element ${name} is no module but ${typeof module}; wrap a function in a Module`);
    (this as unknown as Record<string, AnyModule>)[name] = module;
    return this;
  }

  /** Appends a module under its position. */
  append(module: AnyModule): this {
    return this.addModule(String(this.children().length), module);
  }

  /** Number of modules. */
  get size(): number {
    return this.children().length;
  }

  /** The module at a position; negative counts from the end. */
  at(i: number): AnyModule {
    const m = this.children().at(i);
    if (m === undefined) throw new IndexError(`Sequential: index ${i} is out of range for ${this.size} module(s)`);
    return m;
  }

  [Symbol.iterator](): IterableIterator<AnyModule> {
    return this.children()[Symbol.iterator]();
  }

  forward(...inputs: FirstInput<T>): LastOutput<T> {
    const modules = this.children();
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
    for (const m of modules) this.append(m);
  }

  append(module: M): this {
    (this as unknown as Record<string, M>)[String(this.children().length)] = module;
    return this;
  }

  get size(): number {
    return this.children().length;
  }

  at(i: number): M {
    const m = this.children().at(i);
    if (m === undefined) throw new IndexError(`ModuleList: index ${i} is out of range for ${this.size} module(s)`);
    return m as M;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return (this.children() as M[])[Symbol.iterator]();
  }

  forward(): never {
    throw new ValueError('ModuleList: has no forward; iterate over it and call its modules');
  }
}
