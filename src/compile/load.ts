// Recordings from data that may come from anywhere: everything that they claim is checked before anything runs, and no instruction of theirs can
// reach beyond the memory that they bring or are given.

import { primitiveCodes } from '../ops/scalar.ts';
import { defaultGenerator } from '../runtime/random.ts';
import { convWorkspaceOf, machine, pool, start } from '../runtime/runtime.ts';
import { type DType, dtypeCode, dtypeSize } from '../tensor/dtype.ts';
import { numelOf } from '../tensor/shape.ts';
import { type Buffer, type Instruction, overlap, type Ref, type TensorSpec, writes } from './graph.ts';
import { InstructionError } from './operands.ts';
import { instructionName, visitOperands } from './operands-more.ts';
import { checkProgram } from './program.ts';
import { type SavedFunction, type SavedPlan, type SavedTensor, savable } from './save.ts';
import type { InputSpec, ResultTensor, Trace } from './trace.ts';
import type { ArgumentSpec, ResultSpec } from './values.ts';

const MOST = 2 ** 40; // bytes of a buffer
const ALIGN = 64;
const operations: ReadonlySet<number> = new Set(Object.values(primitiveCodes));

/** Says what is wrong with the data; throws. */
export type Fail = (what: string) => never;

/** Checks of plain data. */
class Check {
  readonly fail: Fail;
  constructor(fail: Fail) {
    this.fail = fail;
  }

  object(v: unknown, what: string): Record<string, unknown> {
    if (typeof v !== 'object' || v === null || Array.isArray(v)) return this.fail(`${what} is no object`);
    return v as Record<string, unknown>;
  }

  list(v: unknown, what: string, most = 1e7): unknown[] {
    if (!Array.isArray(v) || v.length > most) return this.fail(`${what} is no list of at most ${most} entries`);
    return v as unknown[];
  }

  int(v: unknown, what: string, least: number, most: number): number {
    if (!(typeof v === 'number' && Number.isInteger(v) && v >= least && v <= most))
      return this.fail(`${what} is ${show(v)}; a whole number from ${least} to ${most} was expected`);
    return v;
  }

  ints(v: unknown, what: string, least: number, most: number): number[] {
    return this.list(v, what).map((n) => this.int(n, what, least, most));
  }

  text(v: unknown, what: string): string {
    if (typeof v !== 'string' || v.length > 200 || /[^\x20-\x7e]/.test(v)) return this.fail(`${what} is no short printable text`);
    return v;
  }
}

const show = (v: unknown): string => String(JSON.stringify(v) ?? v).slice(0, 60);

function dtypeOf(c: Check, v: unknown): DType {
  if (typeof v !== 'string' || !Object.hasOwn(dtypeCode, v)) return c.fail(`${show(v)} is no dtype`);
  return v as DType;
}

/** Lowest and highest byte of a tensor's elements, relative to its buffer. */
function extentOf(t: Omit<SavedTensor, 'buffer'>): { lo: number; hi: number } {
  const size = dtypeSize[t.dtype];
  if (t.shape.includes(0)) return { lo: t.offset, hi: t.offset };
  let [lo, hi] = [0, 0];
  t.shape.forEach((n, d) => {
    const reach = (n - 1) * t.strides[d];
    if (reach < 0) lo += reach;
    else hi += reach;
  });
  return { lo: t.offset + lo * size, hi: t.offset + (hi + 1) * size };
}

function geometry(c: Check, o: Record<string, unknown>, what: string): Pick<SavedTensor, 'shape' | 'strides' | 'dtype'> {
  const shape = c.ints(o.shape, `the shape of ${what}`, 0, MOST);
  const strides = c.ints(o.strides, `the strides of ${what}`, -MOST, MOST);
  if (shape.length > 16 || strides.length !== shape.length) c.fail(`${what} has ${shape.length} sizes and ${strides.length} strides`);
  if (!(numelOf(shape) <= MOST)) c.fail(`${what} is too large`);
  return { shape, strides, dtype: dtypeOf(c, o.dtype) };
}

function argumentSpec(c: Check, v: unknown, depth = 0): ArgumentSpec {
  const o = c.object(v, 'an argument');
  if (depth > 16) c.fail('an argument is nested too deep');
  switch (o.kind) {
    case 'tensor':
      return { kind: 'tensor', ...geometry(c, o, 'an argument'), requiresGrad: null };
    case 'value':
      return { kind: 'value', value: scalar(c, o.value) };
    case 'array':
      return { kind: 'array', items: c.list(o.items, 'an argument').map((x) => argumentSpec(c, x, depth + 1)) };
    case 'object':
      return { kind: 'object', ...fields(c, o, (x) => argumentSpec(c, x, depth + 1)) };
    default:
      return c.fail(`an argument is of the unknown kind ${show(o.kind)}`);
  }
}

function fields<T>(c: Check, o: Record<string, unknown>, item: (v: unknown) => T): { keys: string[]; items: T[] } {
  const keys = c.list(o.keys, 'the keys of an object').map((k) => c.text(k, 'a key'));
  const items = c.list(o.items, 'the entries of an object').map(item);
  if (keys.length !== items.length || keys.includes('__proto__')) c.fail('keys and entries of an object do not match');
  return { keys, items };
}

function scalar(c: Check, v: unknown): unknown {
  if (v === null || v === undefined || ['number', 'string', 'boolean'].includes(typeof v)) return v;
  return c.fail(`${show(v)} is no plain value`);
}

function resultSpec(c: Check, v: unknown, tensors: number, depth = 0): ResultSpec {
  const o = c.object(v, 'a result');
  if (depth > 16) c.fail('a result is nested too deep');
  switch (o.kind) {
    case 'tensor':
      return { kind: 'tensor', index: c.int(o.index, 'the number of a result', 0, tensors - 1) };
    case 'value':
      return { kind: 'value', value: scalar(c, o.value) };
    case 'array':
      return { kind: 'array', items: c.list(o.items, 'a result').map((x) => resultSpec(c, x, tensors, depth + 1)) };
    case 'object':
      return { kind: 'object', ...fields(c, o, (x) => resultSpec(c, x, tensors, depth + 1)) };
    default:
      return c.fail(`a result is of the unknown kind ${show(o.kind)}`);
  }
}

/** Tensors of the arguments in their order. */
function tensorsIn(spec: ArgumentSpec, out: Extract<ArgumentSpec, { kind: 'tensor' }>[]): void {
  if (spec.kind === 'tensor') out.push(spec);
  else if (spec.kind !== 'value') for (const s of spec.items) tensorsIn(s, out);
}

/** Memory with the contents of the file, one piece for each. */
export function loadContents(data: readonly Uint8Array[]): Buffer[] {
  start();
  return data.map((bytes, id) => {
    const storage = pool.allocate(Math.max(bytes.length, 1));
    storage.retain();
    new Uint8Array(machine.buffer(), storage.address, bytes.length).set(bytes);
    return { id, kind: 'fixed', bytes: bytes.length, storage, name: `p${id}` };
  });
}

/** One recording of `file`, checked. `contents` are the buffers that `loadContents` made. */
export function loadPlan(plan: unknown, numbers: Float64Array, contents: readonly Buffer[], fail: Fail): Trace {
  const c = new Check(fail);
  const o = c.object(plan, 'a recording') as Record<keyof SavedPlan, unknown>;
  const buffers = c.list(o.buffers, 'buffers').map((v, id): Buffer => {
    const b = c.object(v, 'a buffer');
    const bytes = c.int(b.bytes, 'the size of a buffer', 0, MOST);
    const kind = b.kind as Buffer['kind'];
    if (kind === 'fixed' || kind === 'constant') {
      const content = contents[c.int(b.data, 'the number of a content', 0, contents.length - 1)];
      if (content.bytes !== bytes) c.fail(`a buffer of ${bytes} bytes has ${content.bytes} bytes of content`);
      return content;
    }
    if (kind !== 'input' && kind !== 'output' && kind !== 'temp') c.fail(`a buffer is of the unknown kind ${show(kind)}`);
    return { id, kind, bytes, storage: null, name: `${{ input: 'in', output: 'out', temp: 't' }[kind as 'temp']}${id}` };
  });
  const wanted = buffers.reduce((sum, b) => sum + (b.kind === 'fixed' ? 0 : b.bytes), 0);
  if (wanted > Math.min(machine.maxBytes, 2 ** 36)) c.fail(`its results and temporaries take ${wanted} bytes, more than the device has`);
  /** Bytes of a buffer that may be touched: of an argument, its elements. */
  const limits = new Map(buffers.map((b) => [b, b.kind === 'input' ? { lo: 0, hi: 0 } : { lo: 0, hi: b.bytes }]));
  const tensor = (v: unknown, what: string): TensorSpec => {
    const t = c.object(v, what);
    const buffer = buffers[c.int(t.buffer, `the buffer of ${what}`, 0, buffers.length - 1)];
    const g = geometry(c, t, what);
    const offset = c.int(t.offset, `the offset of ${what}`, 0, MOST);
    if (offset % dtypeSize[g.dtype] !== 0) c.fail(`${what} is not aligned`);
    return { buffer, ...g, offset };
  };
  const args = c.list(o.args, 'arguments', 1000).map((a) => argumentSpec(c, a));
  const found: Extract<ArgumentSpec, { kind: 'tensor' }>[] = [];
  for (const a of args) tensorsIn(a, found);
  const inputs = c.list(o.inputs, 'inputs').map((v, k): InputSpec => {
    const t = tensor(v, 'an argument');
    if (t.buffer.kind !== 'input') c.fail('an argument is no input');
    const spec = found[k];
    if (spec === undefined || JSON.stringify([spec.shape, spec.strides, spec.dtype]) !== JSON.stringify([t.shape, t.strides, t.dtype]))
      c.fail('the inputs do not match the arguments');
    limits.set(t.buffer, extentOf(t));
    return { ...t, leader: k };
  });
  if (inputs.length !== found.length || new Set(inputs.map((i) => i.buffer)).size !== inputs.length)
    c.fail('the inputs do not match the arguments');
  const results = c.list(o.results, 'results').map((v): ResultTensor => {
    const r = c.object(v, 'a result');
    if (r.argument !== undefined) return { from: 'argument', index: c.int(r.argument, 'the number of an argument', 0, inputs.length - 1) };
    const spec = tensor(r.tensor, 'a result');
    const base = c.int(r.base, 'the base of a result', -1, inputs.length - 1);
    const { lo, hi } = extentOf(spec);
    const limit = limits.get(spec.buffer) as { lo: number; hi: number };
    if (lo < limit.lo || hi > limit.hi) c.fail('a result reaches beyond its buffer');
    const kind = spec.buffer.kind;
    if (kind === 'temp' || (kind === 'input') !== base >= 0 || (base >= 0 && inputs[base].buffer !== spec.buffer))
      c.fail('a result lies in no memory of its own');
    return { from: 'memory', spec, requiresGrad: false, base };
  });
  const blocks = c.int(o.blocks, 'the random blocks', 0, MOST);
  const instructions = loadInstructions(c, o, numbers, buffers, limits, blocks);
  return {
    args,
    gradMode: null,
    inputs,
    instructions,
    barrier: instructions.length,
    result: resultSpec(c, o.result, results.length),
    results,
    exits: [],
    joint: null,
    guards: [],
    generators: blocks > 0 ? new Map([[defaultGenerator, blocks]]) : new Map(),
    buffers: buffers.filter((b) => b.kind !== 'fixed'),
    spent: null,
  };
}

function loadInstructions(
  c: Check,
  o: Record<keyof SavedPlan, unknown>,
  numbers: Float64Array,
  buffers: readonly Buffer[],
  limits: ReadonlyMap<Buffer, { lo: number; hi: number }>,
  blocks: number,
): Instruction[] {
  const lengths = c.ints(o.lengths, 'the lengths of instructions', 2, 1e6);
  const counts = c.ints(o.refs, 'the numbers of addresses', 0, 200);
  const programs = c.ints(o.programs, 'the lengths of programs', 0, 1e4);
  const names = c.list(o.names, 'names').map((n) => c.text(n, 'the name of an instruction'));
  const n = lengths.length;
  if (counts.length !== n || programs.length !== n || names.length !== n) c.fail('the lists of a recording differ in length');
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const [w0, r0, p0] = [0, sum(lengths), sum(lengths) + 3 * sum(counts)];
  const a0 = p0 + sum(programs);
  if (numbers.length !== a0 + n) c.fail(`a recording has ${numbers.length} numbers where ${a0 + n} were expected`);
  let [w, r, p] = [w0, r0, p0];
  return lengths.map((length, k) => {
    const words = Array.from(numbers.subarray(w, (w += length)));
    const places = new Map<number, { buffer: Buffer; offset: number }>();
    for (let i = 0; i < counts[k]; i++, r += 3) {
      const word = c.int(numbers[r], 'the word of an address', 2, length - 1);
      const buffer = buffers[c.int(numbers[r + 1], 'the buffer of an address', 0, buffers.length - 1)];
      if (places.has(word)) c.fail('an address is given twice');
      places.set(word, { buffer, offset: c.int(numbers[r + 2], 'the offset of an address', 0, MOST) });
    }
    const program = numbers.slice(p, (p += programs[k]));
    return loadInstruction(c, names[k], words, places, program, numbers[a0 + k], limits, blocks);
  });
}

function loadInstruction(
  c: Check,
  name: string,
  words: number[],
  places: ReadonlyMap<number, { buffer: Buffer; offset: number }>,
  program: Float64Array,
  ahead: number,
  limits: ReadonlyMap<Buffer, { lo: number; hi: number }>,
  blocks: number,
): Instruction {
  const fail = (what: string): never => c.fail(`${instructionName(words[0])}: ${what}`);
  if (!savable.has(words[0])) fail('is no instruction that a file may hold');
  for (const word of places.keys()) words[word] = 1;
  const isConv = words[0] >= 4 && words[0] <= 6;
  if (isConv) {
    // how much scratch this device wants is asked here, not read
    words[24] = words[25] = 0;
  }
  const refs: Ref[] = [];
  let hasProgram = false;
  try {
    visitOperands(words, {
      operand(word, access, lo, hi, align) {
        const place = places.get(word);
        if (place === undefined) return fail(`word ${word} is an address that is not given`);
        const limit = limits.get(place.buffer) as { lo: number; hi: number };
        if (hi > lo && (place.offset + lo < limit.lo || place.offset + hi > limit.hi)) fail(`word ${word} reaches beyond its buffer`);
        if (place.offset % align !== 0) fail(`word ${word} is not aligned`);
        refs.push({ word, access, buffer: place.buffer, offset: place.offset, lo, hi });
      },
      program(_, inputs, outputs, constants) {
        hasProgram = true;
        checkProgram(program, inputs, outputs, constants, operations, fail);
      },
    });
  } catch (e) {
    if (e instanceof InstructionError) return c.fail(e.message);
    throw e;
  }
  if (isConv && places.has(24)) {
    const buffer = (places.get(24) as { buffer: Buffer }).buffer;
    if (buffer.kind !== 'temp') fail('scratch lies in memory that others use');
  }
  const extra = [...places.keys()].filter((word) => !refs.some((x) => x.word === word) && !(isConv && word === 24));
  if (extra.length > 0) fail(`word ${extra[0]} is no address`);
  if (!hasProgram && program.length > 0) fail('has a program that it does not run');
  // an instruction may not disturb its own operands; elementwise ones go element by element
  if (words[0] !== 1)
    for (const a of refs)
      for (const b of refs) if (a !== b && writes(a.access) && overlap(a, b)) fail('what it writes overlaps what it reads');
  for (const x of refs) words[x.word] = 0;
  const word = words[0] === 16 ? 3 : (words[0] === 42 || words[0] === 43) && words[12] > 0 ? 13 : 0;
  const random = word === 0 ? null : { word, generator: defaultGenerator, ahead: c.int(ahead, 'the place of a random number', 0, blocks) };
  if (isConv) {
    const bytes = convWorkspaceOf(words);
    if (!(bytes <= 2 ** 31)) fail(`wants ${bytes} bytes of scratch`);
    if (bytes > 0) {
      const scratch: Buffer = { id: -1, kind: 'temp', bytes: Math.ceil(bytes / ALIGN) * ALIGN, storage: null, name: 'scratch' };
      words[25] = bytes;
      refs.push({ word: 24, access: 'scratch', buffer: scratch, offset: 0, lo: 0, hi: bytes });
    }
  }
  return { name, words, refs, program: hasProgram ? { word: 2, words: program, address: 0 } : null, random, rewriting: null, parts: [] };
}

export type { SavedFunction };
