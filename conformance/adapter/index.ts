// The adapter: the one place that knows how PyTorch's names and arguments become ours. Rows are split by subject.

import { creationRows } from './creation.ts';
import { distributionRows } from './distributions.ts';
import { elementwiseRows } from './elementwise.ts';
import { functionalRows, lossRows } from './functional.ts';
import { indexingRows } from './indexing.ts';
import { linalgRows } from './linalg.ts';
import { forwardRows, moduleRows } from './modules.ts';
import { reductionRows } from './reductions.ts';
import { bindArguments, type Call, type Fn, type Library, lookUp, parseRow, type Row, type Rows } from './row.ts';
import { specialRows } from './special.ts';
import { visionRows } from './vision.ts';

export { classOf, clipFunction, epochFunctions, optionsOf, schedulerCall } from './optim.ts';
export { AdapterError, type Call, type Fn, type Library, need, type Row, type Rows, Unavailable, unmark } from './row.ts';

export const allRows: Rows = {
  ...creationRows,
  ...elementwiseRows,
  ...reductionRows,
  ...indexingRows,
  ...linalgRows,
  ...specialRows,
  ...functionalRows,
  ...lossRows,
  ...distributionRows,
  ...visionRows,
};

/** How an op is called; or why it cannot be. */
export type Resolved = { readonly call: (call: Call) => unknown } | { readonly unmapped: true } | { readonly missing: string };

/** An op bound to the library. Results are kept, so that a row is parsed once. */
export interface Adapter {
  readonly lib: Library;
  /** A function or method by PyTorch's name. */
  op(name: string): Resolved;
  /** The constructor of a module by PyTorch's name. */
  module(name: string): Resolved;
  /** The arguments of a module's call. */
  forwardArguments(name: string, call: Call): unknown[];
}

function resolve(lib: Library, rows: Rows, op: string, construct: boolean): Resolved {
  const row: Row | undefined = Object.hasOwn(rows, op) ? rows[op] : undefined;
  if (row === undefined) return { unmapped: true };
  if (typeof row !== 'string') {
    const fns: Fn[] = [];
    for (const path of row.needs) {
      const f = path === 'Tensor' ? () => undefined : lookUp(lib, path);
      if (f === null) return { missing: path };
      fns.push(f);
    }
    return { call: (call) => row.call(fns, call, lib) };
  }
  const { target, params } = parseRow(op, row);
  const f = lookUp(lib, target);
  if (f === null) return { missing: target };
  return {
    call: (call) => {
      const args = bindArguments(op, params, call, lib);
      return construct ? new (f as unknown as new (...a: unknown[]) => unknown)(...args) : f(...args);
    },
  };
}

/** The adapter for a library. Other rows may be given, for tests of the runner itself. */
export function createAdapter(lib: Library, rows: Rows = allRows, modules: Rows = moduleRows): Adapter {
  const ops = new Map<string, Resolved>();
  const classes = new Map<string, Resolved>();
  const cached = (map: Map<string, Resolved>, name: string, make: () => Resolved): Resolved => {
    let r = map.get(name);
    if (r === undefined) map.set(name, (r = make()));
    return r;
  };
  return {
    lib,
    op: (name) => cached(ops, name, () => resolve(lib, rows, name, false)),
    module: (name) => cached(classes, name, () => resolve(lib, modules, name, true)),
    forwardArguments(name, call) {
      const row = Object.hasOwn(forwardRows, name) ? forwardRows[name] : undefined;
      if (typeof row === 'string') return bindArguments(name, parseRow(name, row).params, call, lib);
      return bindArguments(
        name,
        call.args.map((_, i) => ({ name: `_${i}`, place: 'positional', weak: false })),
        call,
        lib,
      );
    },
  };
}
