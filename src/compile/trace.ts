// Runs a function once and keeps what it did, with its backward pass where its results are differentiable.

import { frontier } from '../autograd/checkpoint.ts';
import { type Pending, sweep } from '../autograd/engine.ts';
import { isGradEnabled } from '../autograd/mode.ts';
import { type Edge, edgeOf, GradNode, sequenceNow } from '../autograd/node.ts';
import { copy, empty, fill, identity } from '../ops/raw.ts';
import { GradError } from '../runtime/errors.ts';
import type { Storage } from '../runtime/pool.ts';
import type { Generator } from '../runtime/random.ts';
import { setRecording } from '../runtime/recording.ts';
import { machine, pool } from '../runtime/runtime.ts';
import { dtypeSize } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { makeElementwise } from './elementwise.ts';
import type { Buffer, Instruction, TensorSpec } from './graph.ts';
import { CompileError, type GradientUse, Recorder } from './recorder.ts';
import { type ArgumentSpec, describe, describeResult, type ResultSpec } from './values.ts';

/** A tensor among the arguments. */
export interface InputSpec extends TensorSpec {
  /** The first argument that shows the same storage. */
  readonly leader: number;
}

/** How a tensor of the result is made. */
export type ResultTensor =
  | { readonly from: 'argument'; readonly index: number }
  | { readonly from: 'same'; readonly tensor: Tensor }
  /** A view of an argument has a base. */
  | { readonly from: 'memory'; readonly spec: TensorSpec; readonly requiresGrad: boolean; readonly base: number };

/** What a run leaves in `.grad` of a leaf. */
export interface GradientExit {
  readonly use: GradientUse;
  /** The leaf is this argument, or -1: the leaf itself. */
  readonly argument: number;
  readonly after: 'none' | 'unchanged' | TensorSpec;
}

/** Where a gradient of the joint backward pass goes. */
export type Target = { readonly argument: number } | { readonly leaf: Tensor } | { readonly edge: Edge };

/** A gradient of the joint backward pass: memory that it wrote, or the incoming gradient of a result. */
export type TargetGradient = null | { readonly cotangent: number } | { readonly spec: TensorSpec };

/** The backward pass of differentiable results. */
export interface Joint {
  /** Which result tensors are differentiable, and the buffers of their gradients. */
  readonly outputs: readonly { readonly result: number; readonly cotangent: TensorSpec }[];
  readonly targets: readonly Target[];
  readonly gradients: readonly TargetGradient[];
}

/** Everything that a recording holds. */
export interface Trace {
  readonly args: readonly ArgumentSpec[];
  /** null: recordings from a file hold with gradients on and off. */
  readonly gradMode: boolean | null;
  readonly inputs: readonly InputSpec[];
  readonly instructions: readonly Instruction[];
  /** Instructions from here on are the backward pass. */
  readonly barrier: number;
  readonly result: ResultSpec;
  readonly results: readonly ResultTensor[];
  readonly exits: readonly GradientExit[];
  readonly joint: Joint | null;
  readonly guards: readonly (() => boolean)[];
  readonly generators: ReadonlyMap<Generator, number>;
  readonly buffers: readonly Buffer[];
  /** Why it cannot be used again, or null. */
  readonly spent: string | null;
}

/** Runs `part` with the recorder listening. */
function listen<T>(r: Recorder, part: () => T): T {
  const before = setRecording(r);
  try {
    return part();
  } finally {
    setRecording(before);
  }
}

/** Records the backward pass of the results: gradients at everything that they depend on. */
function recordBackward(
  r: Recorder,
  tensors: readonly Tensor[],
  differentiable: readonly number[],
  inputs: readonly Tensor[],
  since: number,
): Joint {
  const roots = differentiable.map((k) => tensors[k]);
  const edges = frontier(roots, since);
  const cotangents = roots.map((t) => {
    const g = empty(t.shape, t.dtype);
    fill(g, 1);
    r.bufferOf(g.storage, 'input');
    return g;
  });
  const own = r.buffers.length; // buffers from here on belong to the backward pass
  const starts = cotangents.map((grad): Pending => ({ grad, owned: false }));
  const grads = listen(r, () => {
    const list = sweep(roots.map(edgeOf), starts, { retainGraph: true }, edges, since);
    return list.map((g) => {
      if (g === null) return null;
      const k = cotangents.findIndex((c) => c.storage === g.storage);
      if (k >= 0 && sameShape(cotangents[k].shape, g.shape) && sameShape(cotangents[k].strides, g.strides)) return k;
      // anything but memory of its own is copied
      return r.bufferOf(g.storage).id >= own && r.bufferOf(g.storage).kind === 'temp' ? g : copy(g);
    });
  });
  const inputEdges = inputs.map((t) => (t.requiresGrad ? edgeOf(t) : null));
  return {
    outputs: differentiable.map((result, i) => ({ result, cotangent: r.specOf(cotangents[i]) })),
    targets: edges.map((e): Target => {
      const argument = inputEdges.findIndex((x) => x !== null && x.node === e.node && x.leaf === e.leaf && x.nr === e.nr);
      if (argument >= 0) return { argument };
      return e.leaf !== null ? { leaf: e.leaf } : { edge: e };
    }),
    gradients: grads.map((g) => (g === null ? null : typeof g === 'number' ? { cotangent: g } : { spec: r.specOf(g) })),
  };
}

/** New memory with these bytes. */
function holding(bytes: Uint8Array): Storage {
  const storage = pool.allocate(bytes.length);
  new Uint8Array(machine.buffer(), storage.address, bytes.length).set(bytes);
  return storage;
}

/** Turns what the host wrote into constants, or into copies of constants where instructions write the same buffer. */
function placeUploads(r: Recorder, barrier: number, fresh: ReadonlySet<Buffer>): { instructions: Instruction[]; barrier: number } {
  const list: (Instruction | null)[] = [...r.instructions];
  const inserts: { at: number; instruction: Instruction }[] = [];
  for (const { buffer, at, bytes } of r.uploads) {
    const writers = list.flatMap((i, k) => (i?.refs.some((x) => x.buffer === buffer && x.access !== 'read') ? [k] : []));
    const readers = list.flatMap((i, k) => (i?.refs.some((x) => x.buffer === buffer && x.access !== 'write') ? [k] : []));
    const single = r.uploads.filter((u) => u.buffer === buffer).length === 1;
    if (single && !fresh.has(buffer) && writers.every((k) => k < at) && readers.every((k) => k >= at)) {
      // nothing of the earlier writes is left
      for (const k of writers) if (list[k]?.refs.every((x) => x.buffer === buffer || x.access === 'read')) list[k] = null;
      if (list.every((i) => !i?.refs.some((x) => x.buffer === buffer && x.access !== 'read'))) {
        buffer.kind = 'constant';
        buffer.storage = holding(bytes);
        continue;
      }
    }
    const constant = r.bufferOf(holding(bytes), 'constant');
    const operand = (b: Buffer) => ({ buffer: b, offset: 0, dtype: 4, strides: [1] });
    const program = identity();
    const made = makeElementwise('constant', [], 0, [bytes.length], [operand(buffer)], [operand(constant)], [0, 1, 0], []);
    inserts.push({ at, instruction: { ...made, program: { word: 2, words: [0, 1, 0], address: program.address } } });
  }
  const out: Instruction[] = [];
  let moved = -1;
  for (let k = 0; k <= list.length; k++) {
    for (const u of inserts) if (u.at === k) out.push(u.instruction);
    if (k === barrier) moved = out.length;
    const i = list[k];
    if (i !== null && i !== undefined) out.push(i);
  }
  return { instructions: out, barrier: moved };
}

/**
 * Runs `fn(...args)` with a recorder. Arguments that are parameters or state, or `isFixed` (memory that the function is known to use from outside), count
 * as what they are: the recording holds for them alone. CompileError when the function does what cannot be recorded. */
export function trace<A extends unknown[], R>(
  fn: (...args: A) => R,
  args: A,
  isFixed: (s: Storage) => boolean,
): { result: R; trace: Trace } {
  const r = new Recorder();
  const inputs: Tensor[] = [];
  const specs = args.map((a) => describe(a, inputs));
  for (const t of inputs) r.bufferOf(t.storage, t.kept || isFixed(t.storage) ? 'fixed' : 'input');
  const inputSpecs = inputs.map((t): InputSpec => ({ ...r.specOf(t), leader: inputs.findIndex((o) => o.storage === t.storage) }));
  const gradMode = isGradEnabled();
  if (sequenceNow() === 0) new GradNode('first', [], [], () => []); // a sweep of a part must begin above 0
  const since = sequenceNow();
  const result = listen(r, () => fn(...args));
  if (result instanceof Promise)
    throw new CompileError('compile: the function is async; await data outside and compile the synchronous part of the step');
  inputs.forEach((t, k) => {
    const was = inputSpecs[k];
    if (!sameShape(t.shape, was.shape) || !sameShape(t.strides, was.strides) || t.offset * dtypeSize[t.dtype] !== was.offset)
      throw new CompileError(
        `compile: the function changes the shape of an argument in place, from ${show(was.shape)} to ${show(t.shape)}; use the form that makes a new tensor`,
      );
  });
  const ends = new Map([...r.generators].map(([g, start]) => [g, g.offset - start.offset]));
  r.settle();
  let barrier = r.instructions.length;
  const tensors: Tensor[] = [];
  const shape = describeResult(result, tensors);
  const differentiable = tensors.flatMap((t, k) => {
    const node = t.currentNode();
    return gradMode && node !== null && node.sequence >= since && !node.done ? [k] : [];
  });
  let joint: Joint | null = null;
  if (differentiable.length > 0) {
    const mark = r.mark();
    try {
      joint = recordBackward(r, tensors, differentiable, inputs, since);
    } catch (e) {
      // a backward inside of the function has used the graph up: the results have no history for others either
      if (!(e instanceof GradError)) throw e;
      r.rewind(mark);
    }
  }
  r.finish();

  const entries = [...r.gradients.values()].flatMap((u) => (u.entry === null ? [] : [u.entry.buffer]));
  if (new Set(entries).size < entries.length || entries.some((b) => inputSpecs.some((i) => i.buffer === b)))
    r.once('gradients share memory with each other or with an argument');
  const exits = [...r.gradients.values()].flatMap((use): GradientExit[] => {
    const leafBuffer = r.bufferOf(use.leaf.storage);
    if (leafBuffer.kind === 'temp') return []; // made by the function
    const argument = inputs.indexOf(use.leaf);
    const after = use.leaf.gradInternal;
    if (after === null) return [{ use, argument, after: 'none' }];
    if (after === use.before) return [{ use, argument, after: 'unchanged' }];
    const spec = r.specOf(after);
    if (after.requiresGrad || inputSpecs.some((i) => i.buffer === spec.buffer))
      r.once('the gradient of a leaf is a differentiable tensor or an argument');
    if (use.entry !== null && spec.buffer.kind !== 'temp') r.once('the gradient of a leaf becomes one that is there already');
    return [{ use, argument, after: spec }];
  });
  if (r.buffers.some((b) => b.kind === 'fixed' && storageOf(b).address < 0)) r.once('the function released a tensor from outside');
  const fresh = new Set<Buffer>();
  const results = tensors.map((t): ResultTensor => {
    const index = inputs.indexOf(t);
    if (index >= 0) return { from: 'argument', index };
    const spec = r.specOf(t);
    if (spec.buffer.kind === 'fixed' && t.isLeaf && (t.kept || t.requiresGrad)) return { from: 'same', tensor: t };
    if (spec.buffer.kind === 'temp') fresh.add(spec.buffer);
    const base = spec.buffer.kind === 'input' ? inputs.findIndex((o) => o.storage === t.storage) : -1;
    return { from: 'memory', spec, requiresGrad: t.requiresGrad && t.isLeaf, base };
  });
  for (const g of joint?.gradients ?? []) if (g !== null && 'spec' in g) fresh.add(g.spec.buffer);
  for (const b of fresh) b.kind = 'output';
  for (const e of exits)
    if (typeof e.after === 'object' && (e.after.buffer.kind === 'temp' || e.after.buffer.kind === 'output')) {
      e.after.buffer.kind = 'kept';
      fresh.add(e.after.buffer);
    }
  const placed = placeUploads(r, barrier, fresh);
  barrier = placed.barrier;
  name(r.buffers);
  return {
    result,
    trace: {
      args: specs,
      gradMode,
      inputs: inputSpecs,
      instructions: placed.instructions,
      barrier,
      result: shape,
      results,
      exits,
      joint,
      guards: [...r.guards.values()],
      generators: ends,
      buffers: r.buffers,
      spent: r.spent,
    },
  };
}

/** Short names for dumps: a letter for the kind and a number. */
function name(buffers: readonly Buffer[]): void {
  const letters = { input: 'in', fixed: 'p', constant: 'c', kept: 'g', output: 'out', temp: 't' } as const;
  const next = new Map<string, number>();
  for (const b of buffers) {
    const n = next.get(b.kind) ?? 0;
    next.set(b.kind, n + 1);
    b.name = `${letters[b.kind]}${n}`;
  }
}

/** The memory of a buffer that has one. */
export const storageOf = (b: Buffer): Storage => b.storage as Storage;
