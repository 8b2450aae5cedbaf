// What a row of the adapter says: how PyTorch's arguments of one operation become the arguments of our function.
//
// A row is a string: PyTorch's parameters in their order, separated by commas.
//   x      required: positional in ours too
//   x?     has a default in PyTorch: goes into our trailing options object as camelCase
//   x~     has a default, but is positional in ours (the documented exceptions: cat, stack, squeeze, ...)
//   x*     a number that takes part in type promotion, so that 2.0 differs from 2 (may be combined: x*?)
//   ...xs  the rest of the positional arguments
//   x!     is accepted and not passed on (it has no meaning here, as `out_int32` of a device)
// `name: params` calls our function `name` in place of the camelCase of PyTorch's name; `a|b: params` calls the first of them that exists.

import { PyFloat } from '../values.ts';

/** The library as a bag of names; the adapter looks functions up by path and reports those that are missing. */
export type Library = Readonly<Record<string, unknown>>;
export type Fn = (...args: unknown[]) => unknown;

/** A call prepared by the decoder: values as the library takes them, floats still marked as PyFloat. */
export interface Call {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** A mapping that needs code. `needs` are the functions that it calls, by path; the first missing one makes the op "missing in library". */
export interface Custom {
  readonly needs: readonly string[];
  readonly call: (fns: readonly Fn[], call: Call, lib: Library) => unknown;
}

export type Row = string | Custom;
export type Rows = Readonly<Record<string, Row>>;

export interface Param {
  readonly name: string;
  readonly place: 'positional' | 'option' | 'optional-positional' | 'rest' | 'ignored';
  readonly weak: boolean;
}

export interface ParsedRow {
  readonly target: string;
  readonly params: readonly Param[];
}

export const camelCase = (s: string): string => s.replace(/([a-zA-Z0-9])_([a-zA-Z0-9])/g, (_, a: string, b: string) => a + b.toUpperCase());

/** Our name for PyTorch's name: `nn.functional.conv2d`, `Tensor.maskedFill_`, `cumSum`. */
export const targetOf = (op: string): string =>
  op
    .split('.')
    .map((part) => (/^[A-Z]/.test(part) ? part : camelCase(part)))
    .join('.');

export function parseRow(op: string, row: string): ParsedRow {
  const at = row.indexOf(':');
  const target = at >= 0 ? row.slice(0, at).trim() : targetOf(op);
  const list = row.slice(at + 1).trim();
  const params = (list === '' ? [] : list.split(',')).map((text): Param => {
    const m = /^\s*(\.\.\.)?(\w+)([*?~!]*)\s*$/.exec(text);
    if (m === null) throw new Error(`adapter: row of ${op}: cannot read parameter '${text.trim()}'`);
    const [, rest, name, marks] = m;
    return {
      name,
      place: rest
        ? 'rest'
        : marks.includes('?')
          ? 'option'
          : marks.includes('~')
            ? 'optional-positional'
            : marks.includes('!')
              ? 'ignored'
              : 'positional',
      weak: marks.includes('*'),
    };
  });
  return { target, params };
}

/** Replaces marked floats by plain numbers, or by the library's float scalars where they take part in promotion. */
export function unmark(v: unknown, weak: boolean, lib: Library): unknown {
  if (v instanceof PyFloat) return weak && Number.isInteger(v.value) ? (lib.float as Fn)(v.value) : v.value;
  if (Array.isArray(v)) return v.map((x) => unmark(x, weak, lib));
  if (v !== null && typeof v === 'object' && Object.getPrototypeOf(v) === Object.prototype)
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, unmark(x, weak, lib)]));
  return v;
}

/** An op that cannot be called: without a row (`missing` is null), or because the library lacks the function `missing`. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  readonly op: string;
  readonly missing: string | null;
  constructor(op: string, missing: string | null) {
    super(missing === null ? `${op} is not mapped` : `${op} needs ${missing}, which the library lacks`);
    this.op = op;
    this.missing = missing;
  }
}

/** The arguments of a case do not fit its row: the row is wrong, not the library. */
export class AdapterError extends Error {
  override name = 'AdapterError';
}

/** Arguments of our function for a call in PyTorch's form. */
export function bindArguments(op: string, params: readonly Param[], { args, kwargs }: Call, lib: Library): unknown[] {
  const given = new Map<string, unknown>();
  let rest: unknown[] | null = null;
  for (let i = 0; i < args.length; i++) {
    const p = params[i];
    if (p?.place === 'rest') {
      rest = args.slice(i).map((v) => unmark(v, p.weak, lib));
      break;
    }
    if (p === undefined) throw new AdapterError(`${op}: ${args.length} positional arguments, the row has ${params.length}`);
    given.set(p.name, unmark(args[i], p.weak, lib));
  }
  for (const [name, v] of Object.entries(kwargs)) {
    const p = params.find((q) => q.name === name);
    // an argument that no row names yet: the op is mapped without it
    if (p === undefined) throw new Unavailable(`${op}(${name})`, null);
    given.set(name, unmark(v, p.weak, lib));
  }
  const out: unknown[] = [];
  const options: Record<string, unknown> = {};
  let hasOptions = false;
  let skipped = 0; // optional positional arguments that were not given: they are filled up only when something follows
  const push = (...vs: unknown[]): void => {
    for (; skipped > 0; skipped--) out.push(undefined);
    out.push(...vs);
  };
  for (const p of params) {
    if (p.place === 'rest') {
      if (rest !== null) push(...rest);
      continue;
    }
    if (p.place === 'ignored' || !given.has(p.name)) {
      if (p.place === 'optional-positional') skipped++;
      if (p.place === 'positional') throw new AdapterError(`${op}: required argument '${p.name}' is missing in the case`);
      continue;
    }
    const v = given.get(p.name);
    if (p.place !== 'option') {
      push(v);
      continue;
    }
    // Python's None stands for the default in almost every option; where null means something it is kept by a custom row.
    if (v === null) continue;
    options[camelCase(p.name)] = v;
    hasOptions = true;
  }
  if (hasOptions) push(options);
  return out;
}

/** A function of the library by path: `linalg.norm`, `Tensor.add_`. Plain names fall back to methods and the other way round. */
export function lookUp(lib: Library, path: string): Fn | null {
  if (path.includes('|')) {
    for (const p of path.split('|')) {
      const f = lookUp(lib, p);
      if (f !== null) return f;
    }
    return null;
  }
  const parts = path.split('.');
  const name = parts[parts.length - 1];
  const prototype = (lib.Tensor as { prototype: Record<string, unknown> } | undefined)?.prototype;
  const method = (): Fn | null => {
    const d = prototype === undefined ? undefined : Object.getOwnPropertyDescriptor(prototype, name);
    if (d?.get !== undefined) return (x) => (x as Record<string, unknown>)[name];
    if (typeof d?.value === 'function')
      return (x, ...rest) => {
        const f = (x as Record<string, unknown> | null)?.[name];
        if (typeof f !== 'function') throw new TypeError(`${name}: the first argument is no tensor`);
        return (f as Fn).call(x, ...rest);
      };
    return null;
  };
  let at: unknown = lib;
  if (parts[0] === 'Tensor') {
    const own = method();
    if (own !== null) return own;
    at = lib[name];
  } else for (const part of parts) at = (at as Record<string, unknown> | undefined | null)?.[part];
  if (typeof at === 'function') return at as Fn;
  // activations may live beside the other elementwise operations
  if (path.startsWith('nn.functional.') && typeof lib[name] === 'function') return lib[name] as Fn;
  return parts.length === 1 ? method() : null;
}

/** A function that only some calls of a custom row need. */
export function need(lib: Library, op: string, path: string): Fn {
  const f = lookUp(lib, path);
  if (f === null) throw new Unavailable(op, path.split('|')[0]);
  return f;
}
