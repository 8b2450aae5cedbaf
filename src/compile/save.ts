// A compiled function as plain data: what its recordings do, and the bytes of the memory that they use. Nothing of its source is needed to run it.

import { machine } from '../runtime/runtime.ts';
import { type DType, dtypeSize } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Buffer, Instruction, TensorSpec } from './graph.ts';
import { dropDead } from './memory.ts';
import { instructionName } from './operands-more.ts';
import type { Plan } from './plan.ts';
import { CompileError } from './recorder.ts';
import { storageOf } from './trace.ts';
import type { ArgumentSpec, ResultSpec } from './values.ts';

/** A tensor's place in the file: number of the buffer, geometry (the offset in bytes). */
export interface SavedTensor {
  readonly buffer: number;
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
  readonly dtype: DType;
}

/** One recording. Words, references and programs are in arrays of their own; these are their lengths. */
export interface SavedPlan {
  readonly args: readonly ArgumentSpec[];
  readonly inputs: readonly SavedTensor[];
  readonly result: ResultSpec;
  readonly results: readonly ({ readonly argument: number } | { readonly tensor: SavedTensor; readonly base: number })[];
  readonly buffers: readonly { readonly kind: Buffer['kind']; readonly bytes: number; readonly data: number }[];
  readonly names: readonly string[];
  readonly lengths: readonly number[];
  /** Number of addresses of each instruction. */
  readonly refs: readonly number[];
  /** Words of the program of each instruction, 0 for none. */
  readonly programs: readonly number[];
  /** Random blocks that a call takes. */
  readonly blocks: number;
}

/** A compiled function as data. */
export interface SavedFunction {
  readonly plans: readonly SavedPlan[];
  /** For each plan: words of the instructions, then [word, buffer, offset] of each address, then words of the programs, then blocks ahead of each instruction or -1. */
  readonly numbers: readonly Float64Array[];
  /** Contents of buffers. */
  readonly data: readonly Uint8Array[];
}

/** Instructions that a file may hold. Positions that others read from memory without a check are not among them, nor are optimizers. */
export const savable: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 16, 17, 18, 30, 31, 32, 33, 40, 41, 42, 43, 60, 61, 62,
]);

function refuse(why: string): never {
  throw new CompileError(
    `saving a compiled function: ${why}; compile and save the forward function alone, in eval mode and inside noGrad()`,
  );
}

function checkValues(spec: ArgumentSpec | ResultSpec, what: string): void {
  if (spec.kind === 'array' || spec.kind === 'object') for (const s of spec.items) checkValues(s, what);
  if (spec.kind !== 'value') return;
  const { value } = spec;
  if (value !== null && !['string', 'boolean', 'undefined'].includes(typeof value) && !Number.isFinite(value))
    refuse(`${what} holds a ${typeof value}, which is no plain value`);
}

/** JSON has no undefined. */
const plain = <T extends ArgumentSpec | ResultSpec>(spec: T): T => {
  if (spec.kind === 'value') return (spec.value === undefined ? { kind: 'value' } : spec) as T;
  if (spec.kind === 'array' || spec.kind === 'object') return { ...spec, items: spec.items.map((s) => plain(s)) };
  if ('requiresGrad' in spec) return { ...spec, requiresGrad: null };
  return spec;
};

/** Turns recordings into data. CompileError for those that depend on what is not in them. */
export function saveFunction(plans: readonly Plan[]): SavedFunction {
  if (plans.length === 0) refuse('it has not been called yet, so there is no recording');
  const data: Uint8Array[] = [];
  const places = new Map<unknown, number>();
  /** The number of a buffer's content; buffers of several plans may be the same memory. */
  const contentOf = (b: Buffer): number => {
    const s = storageOf(b);
    let at = places.get(s);
    if (at === undefined) {
      at = data.push(new Uint8Array(machine.buffer(), s.address, b.bytes).slice()) - 1;
      places.set(s, at);
    }
    return at;
  };
  const numbers: Float64Array[] = [];
  const saved = plans.map((p): SavedPlan => {
    const { plan, words } = savePlan(p, contentOf);
    numbers.push(words);
    return plan;
  });
  return { plans: saved, numbers, data };
}

function savePlan(p: Plan, contentOf: (b: Buffer) => number): { plan: SavedPlan; words: Float64Array } {
  const { trace } = p;
  if (trace.exits.some((e) => e.after !== 'unchanged' || e.use.reads)) refuse('it works on gradients of parameters');
  if (trace.generators.size > 1) refuse('it draws from several random generators');
  if (trace.inputs.some((t, k) => t.leader !== k || t.buffer.kind !== 'input'))
    refuse('an argument shares memory with another or with a parameter');
  for (const a of trace.args) checkValues(a, 'an argument');
  checkValues(trace.result, 'the result');
  const list = dropDead(p.instructions.slice(0, p.barrier), p.barrier).instructions;
  const odd = list.find((i) => i.rewriting !== null || !savable.has(i.words[0]));
  if (odd !== undefined) refuse(`it holds ${instructionName(odd.words[0])}`);
  const buffers: Buffer[] = [];
  const numberOf = (b: Buffer): number => (buffers.includes(b) ? buffers.indexOf(b) : buffers.push(b) - 1);
  const tensor = (t: TensorSpec): SavedTensor => ({
    buffer: numberOf(t.buffer),
    shape: t.shape,
    strides: t.strides,
    offset: t.offset,
    dtype: t.dtype,
  });
  const inputs = trace.inputs.map(tensor);
  const results = trace.results.map((r): SavedPlan['results'][number] => {
    if (r.from === 'argument') return { argument: r.index };
    if (r.from === 'memory') return { tensor: tensor(r.spec), base: r.base };
    const known = p.bufferOf(r.tensor.storage);
    if (known === undefined) return refuse('it returns a parameter that it does not use');
    const { shape, strides, offset, dtype } = r.tensor;
    return { tensor: { buffer: numberOf(known), shape, strides, offset: offset * dtypeSize[dtype], dtype }, base: -1 };
  });
  const refs = list.flatMap((i) => i.refs.flatMap((r) => [r.word, numberOf(r.buffer), r.offset]));
  const words = [
    ...list.flatMap((i) => i.words),
    ...refs,
    ...list.flatMap((i) => (i.program === null ? [] : Array.from(i.program.words))),
    ...list.map((i) => (i.random === null ? -1 : i.random.ahead)),
  ];
  const plan: SavedPlan = {
    args: trace.args.map((a) => plain(a)),
    inputs,
    result: plain(trace.result),
    results,
    buffers: buffers.map((b) => ({ kind: b.kind, bytes: b.bytes, data: b.kind === 'fixed' || b.kind === 'constant' ? contentOf(b) : -1 })),
    names: list.map((i: Instruction) => i.name),
    lengths: list.map((i) => i.words.length),
    refs: list.map((i) => i.refs.length),
    programs: list.map((i) => (i.program === null ? 0 : i.program.words.length)),
    blocks: [...trace.generators.values()][0] ?? 0,
  };
  return { plan, words: Float64Array.from(words) };
}
