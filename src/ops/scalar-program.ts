// Compiles scalar expressions to programs of the EWISE and REDUCE instructions (docs/instruction-set.md).

import { stepNames } from '../runtime/debug-format.ts';
import { type Expr, order, type PrimitiveName, primitiveCodes } from './scalar.ts';

/** A program as the instructions want it. */
export interface CompiledProgram {
  /** Words of the program as the instruction set wants them. */
  words: number[];
  /** Constants in register order: a literal's value, or the index of a parameter. */
  constants: ({ literal: number } | { param: number })[];
}

/** Compiles expressions over `nIn` inputs to a program with one result each; registers of dead values are used again. */
export function compileProgram(roots: readonly Expr[], nIn: number): CompiledProgram {
  const all: Expr[] = [];
  const seen = new Set<Expr>();
  for (const r of roots) {
    for (const e of order(r)) {
      if (seen.has(e)) continue;
      seen.add(e);
      all.push(e);
    }
  }
  const constants: CompiledProgram['constants'] = [];
  const register = new Map<Expr, number>();
  for (const e of all) {
    if (e.op === 'in') register.set(e, e.value);
    else if (e.op === 'lit') register.set(e, nIn + constants.push({ literal: e.value }) - 1);
    else if (e.op === 'param') register.set(e, nIn + constants.push({ param: e.value }) - 1);
  }
  const steps = all.filter((e) => e.args.length > 0);
  const lastUse = new Map<Expr, number>();
  steps.forEach((e, k) => e.args.forEach((a) => lastUse.set(a, k)));
  for (const r of roots) lastUse.set(r, Number.POSITIVE_INFINITY);
  const free: number[] = [];
  let next = nIn + constants.length;
  const code: number[] = [];
  steps.forEach((e, k) => {
    const args = e.args.map((a) => register.get(a) as number);
    for (const a of new Set(e.args)) if (a.args.length > 0 && lastUse.get(a) === k) free.push(register.get(a) as number);
    const dst = free.pop() ?? next++;
    register.set(e, dst);
    code.push(primitiveCodes[e.op as PrimitiveName], dst, args[0], args[1] ?? 0, args[2] ?? 0);
  });
  return { words: [steps.length, next, ...roots.map((r) => register.get(r) as number), ...code], constants };
}

/** What the steps of programs are called, and how many operands they read, by code: for DEBUG=4. */
const names = Object.entries(primitiveCodes).reduce<string[]>((list, [name, code]) => {
  list[code] = name;
  return list;
}, []);
stepNames.names = names;
stepNames.arity = names.map((_, code) => (code < 64 ? 1 : code < 128 ? 2 : 3));
