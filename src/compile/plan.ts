// A plan: a recording after fusion and memory planning, as code that runs in one call.

import { isGradEnabled } from '../autograd/mode.ts';
import { attach, edgeOf, GradNode, type Vjp } from '../autograd/node.ts';
import { copy, dense, empty, fill } from '../ops/raw.ts';
import { GradError } from '../runtime/errors.ts';
import type { Storage } from '../runtime/pool.ts';
import type { Generator } from '../runtime/random.ts';
import { pool } from '../runtime/runtime.ts';
import { dtypeSize } from '../tensor/dtype.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Code, type Positions } from './code.ts';
import { elideCopies } from './elide.ts';
import { mergeEpilogues } from './epilogue.ts';
import { fuse } from './fuse.ts';
import { type Buffer, type Instruction, reads, type TensorSpec, writes } from './graph.ts';
import { type ArenaName, dropDead, type MemoryPlan, planMemory } from './memory.ts';
import { mergeSums } from './products.ts';
import { type GradientExit, type Joint, storageOf, type Trace } from './trace.ts';
import { makeResult, matches } from './values.ts';

const elements = (t: TensorSpec): number => t.offset / dtypeSize[t.dtype];
const handle = (s: Storage, t: TensorSpec, offset = elements(t)): Tensor => new Tensor(s, t.shape, t.strides, offset, t.dtype);

/** Buffers that an instruction list uses in some way. */
function buffersWhere(list: readonly Instruction[], test: (access: Instruction['refs'][number]['access']) => boolean): Set<Buffer> {
  return new Set(list.flatMap((i) => i.refs.filter((r) => test(r.access)).map((r) => r.buffer)));
}

/** What one call needs again in its backward pass. */
interface Call {
  readonly tensors: readonly Tensor[];
  readonly storages: ReadonlyMap<Buffer, Storage>;
  readonly saved: Storage | null;
  readonly positions: Positions;
}

let mark = 0;

export class Plan {
  readonly trace: Trace;
  readonly instructions: readonly Instruction[];
  readonly barrier: number;
  readonly memory: MemoryPlan;
  readonly #forward: Code;
  readonly #backward: Code | null;
  /** Memory outside of the plan that a run changes: of arguments (by number) and of others. */
  readonly #changes: readonly Storage[];
  readonly #changedInputs: readonly number[];
  readonly #changed: ReadonlySet<Buffer>;
  readonly #fixed: ReadonlyMap<Storage, Buffer>;
  readonly #outputs: readonly Buffer[];
  readonly #held: Storage[] = [];
  readonly #savedInputs: readonly number[];
  readonly #savedFixed: readonly Tensor[];
  readonly #savedOutputs: ReadonlySet<Buffer>;
  #found: Tensor[] = [];
  runs = 0;

  constructor(trace: Trace) {
    this.trace = trace;
    const short = elideCopies(trace.instructions, trace.barrier);
    const fused = fuse(short.instructions, short.barrier);
    const alive = dropDead(fused.instructions, fused.barrier);
    const merged = mergeEpilogues(alive.instructions, alive.barrier);
    const { instructions, barrier } = mergeSums(merged.instructions, merged.barrier);
    this.instructions = instructions;
    this.barrier = barrier;
    this.memory = planMemory(instructions, barrier);
    const [first, second] = [instructions.slice(0, barrier), instructions.slice(barrier)];
    this.#forward = new Code(first, this.memory);
    this.#backward = trace.joint === null ? null : new Code(second, this.memory);
    const changed = buffersWhere(first, writes);
    this.#changed = changed;
    this.#changes = [...changed].filter((b) => b.kind === 'fixed').map(storageOf);
    this.#changedInputs = trace.inputs.flatMap((i, k) => (i.leader === k && changed.has(i.buffer) ? [k] : []));
    const used = new Set(instructions.flatMap((i) => i.refs.map((r) => r.buffer)));
    for (const r of trace.results) if (r.from === 'memory') used.add(r.spec.buffer);
    for (const e of trace.exits) if (typeof e.after === 'object') used.add(e.after.buffer);
    this.#fixed = new Map([...used].filter((b) => b.kind === 'fixed').map((b) => [storageOf(b), b]));
    for (const b of used) if (b.kind === 'fixed' || b.kind === 'constant' || b.kind === 'kept') this.#hold(storageOf(b));
    const written = new Set([...buffersWhere(first, writes)]);
    const ofGradients = new Set((trace.joint?.gradients ?? []).flatMap((g) => (g !== null && 'spec' in g ? [g.spec.buffer] : [])));
    this.#outputs = [...used].filter((b) => b.kind === 'output' && (written.has(b) || !ofGradients.has(b)));
    const read = buffersWhere(second, reads);
    this.#savedInputs = trace.inputs.flatMap((i, k) => (i.leader === k && read.has(i.buffer) ? [k] : []));
    this.#savedFixed = [...read].filter((b) => b.kind === 'fixed').map((b) => new Tensor(storageOf(b), [0], null, 0, 'uint8'));
    for (const t of this.#savedFixed) t.kept = true;
    this.#savedOutputs = new Set([...read].filter((b) => b.kind === 'output' && written.has(b)));
    // what the recording used itself is not needed again
    for (const b of trace.buffers) if (b.kind === 'temp' || b.kind === 'output' || b.kind === 'input') b.storage = null;
  }

  /** The fixed buffer of a storage. */
  bufferOf(s: Storage): Buffer | undefined {
    return this.#fixed.get(s);
  }

  #hold(s: Storage): void {
    s.retain();
    this.#held.push(s);
  }

  /** Whether a call with these arguments does what was recorded. Its tensors are noted for `run`. */
  accepts(args: readonly unknown[]): boolean {
    const { trace } = this;
    const found: Tensor[] = [];
    if ((trace.gradMode !== null && trace.gradMode !== isGradEnabled()) || args.length !== trace.args.length) return false;
    for (let k = 0; k < args.length; k++) if (!matches(trace.args[k], args[k], found)) return false;
    for (let k = 0; k < found.length; k++) {
      const spec = trace.inputs[k];
      const storage = found[k].storage;
      const fixed = this.#fixed.get(storage);
      if (fixed !== undefined && fixed !== spec.buffer) return false;
      if (fixed === undefined && spec.buffer.kind === 'fixed') return false;
      const leader = found.findIndex((t) => t.storage === storage);
      if (leader !== spec.leader) return false;
      if (leader !== k && found[k].offset - found[leader].offset !== elements(spec) - elements(trace.inputs[leader])) return false;
    }
    mark++;
    for (const t of found) t.storage.mark = mark;
    for (const e of trace.exits) {
      if (!e.use.reads) continue;
      const now = (e.argument >= 0 ? found[e.argument] : e.use.leaf).gradInternal;
      const { entry } = e.use;
      if (entry === null || now === null) {
        if (entry !== now) return false;
        continue;
      }
      // a gradient that is there already: in memory of its own, like the one that was there
      const { storage } = now;
      if (entry.buffer.kind === 'input' ? storage.mark === mark || this.#fixed.has(storage) : this.#fixed.get(storage) !== entry.buffer)
        return false;
      storage.mark = mark;
      if (
        now.offset !== elements(entry) ||
        now.dtype !== entry.dtype ||
        !sameShape(now.shape, entry.shape) ||
        !sameShape(now.strides, entry.strides)
      )
        return false;
    }
    for (const check of trace.guards) if (!check()) return false;
    this.#found = found;
    return true;
  }

  #bind(code: Code, call: Call): void {
    const { inputs } = this.trace;
    for (let k = 0; k < inputs.length; k++) {
      if (inputs[k].leader !== k || inputs[k].buffer.kind !== 'input') continue;
      code.bind(inputs[k].buffer, call.tensors[k].address - inputs[k].offset);
    }
    for (const [b, s] of call.storages) code.bind(b, s.address);
    if (call.saved !== null) code.bindArena('saved', call.saved.address);
  }

  #arena(name: ArenaName): Storage | null {
    const bytes = this.memory.sizes[name];
    if (bytes === 0) return null;
    const s = pool.allocate(bytes);
    s.retain();
    return s;
  }

  /** Runs code in an arena of its own. */
  #execute(code: Code, name: 'first' | 'second', call: Call): void {
    const arena = this.#arena(name);
    try {
      this.#bind(code, call);
      if (arena !== null) code.bindArena(name, arena.address);
      code.run(call.positions);
    } finally {
      arena?.release();
    }
  }

  /** The memory for a gradient that stays behind: that of the last run, unless somebody still looks at it. */
  #keptStorage(b: Buffer, leaf: Tensor, isArgument: boolean): Storage {
    const own = storageOf(b);
    const current = leaf.gradInternal;
    const shown = current !== null && current.storage === own;
    if (!isArgument && own.refs <= (shown ? 2 : 1) && !(shown && leaf.gradSeen)) return own;
    const next = pool.allocate(b.bytes);
    this.#hold(next);
    this.#held.splice(this.#held.indexOf(own), 1);
    own.release();
    b.storage = next;
    return next;
  }

  /** Runs the plan on the arguments that `accepts` has seen. */
  run(): unknown {
    const { trace } = this;
    const tensors = this.#found;
    this.#found = [];
    const storages = new Map<Buffer, Storage>();
    for (const b of this.#outputs) storages.set(b, pool.allocate(b.bytes));
    for (const e of trace.exits)
      if (typeof e.after === 'object' && e.after.buffer.kind === 'kept')
        storages.set(e.after.buffer, this.#keptStorage(e.after.buffer, this.#leaf(e, tensors), e.argument >= 0));
    for (const e of trace.exits) {
      const { entry } = e.use;
      const now = entry === null ? null : this.#leaf(e, tensors).gradInternal;
      if (entry === null || now === null || entry.buffer.kind !== 'input') continue;
      storages.set(entry.buffer, now.storage);
      if (this.#changed.has(entry.buffer)) now.storage.version++;
    }
    const positions = new Map<Generator, number>();
    for (const g of trace.generators.keys()) positions.set(g, g.offset);
    const call: Call = { tensors, storages, saved: this.#arena('saved'), positions };
    try {
      this.#execute(this.#forward, 'first', call);
    } catch (error) {
      call.saved?.release();
      throw error;
    }
    this.runs++;
    for (const [g, blocks] of trace.generators) g.offset += blocks;
    for (const s of this.#changes) s.version++;
    for (const k of this.#changedInputs) tensors[k].storage.version++;
    for (const e of trace.exits) this.#leaveGradient(e, this.#leaf(e, tensors));
    const results = this.#results(call);
    if (trace.joint !== null) this.#attach(trace.joint, results, call);
    call.saved?.release();
    return makeResult(trace.result, results);
  }

  #leaf(e: GradientExit, tensors: readonly Tensor[]): Tensor {
    return e.argument >= 0 ? tensors[e.argument] : e.use.leaf;
  }

  #leaveGradient(e: GradientExit, leaf: Tensor): void {
    const now = leaf.gradInternal;
    if (e.after === 'unchanged') {
      if (e.use.before !== null && now === null) leaf.gradInternal = e.use.before;
      return;
    }
    if (e.after === 'none') {
      if (now !== null) leaf.clearGrad();
      return;
    }
    const s = storageOf(e.after.buffer);
    if (now !== null && now.storage === s && now.storage.address >= 0) return;
    leaf.clearGrad();
    leaf.gradInternal = handle(s, e.after);
  }

  #results({ tensors, storages }: Call): Tensor[] {
    return this.trace.results.map((r) => {
      if (r.from === 'argument') return tensors[r.index];
      if (r.from === 'same') return r.tensor;
      const { spec, base } = r;
      if (base >= 0) {
        const of = tensors[base];
        const t = handle(of.storage, spec, of.offset + elements(spec) - elements(this.trace.inputs[base]));
        t.base = of.base ?? of;
        t.baseEpoch = t.base.epoch;
        return t;
      }
      const t = handle(storages.get(spec.buffer) ?? storageOf(spec.buffer), spec);
      if (r.requiresGrad) t.requiresGrad = true;
      return t;
    });
  }

  /** Gives the results a node whose backward runs the second part. */
  #attach(joint: Joint, results: readonly Tensor[], call: Call): void {
    const edges = joint.targets.map((t) => ('edge' in t ? t.edge : edgeOf('leaf' in t ? t.leaf : call.tensors[t.argument])));
    const code = this.#backward as Code;
    const vjp: Vjp = (grads) => {
      if (isGradEnabled())
        throw new GradError(
          'backward: a compiled function has first derivatives only; call the function itself (not compiled) where createGraph is needed',
        );
      return this.#backwardOf(joint, code, call, results, grads);
    };
    const node = new GradNode('compiled', [], [], vjp);
    node.edges.push(...edges);
    for (const o of joint.outputs) attach(results[o.result], node);
    const saved = [...this.#savedInputs.map((k) => call.tensors[k]), ...this.#savedFixed];
    this.trace.results.forEach((r, k) => {
      if (r.from === 'memory' && this.#savedOutputs.has(r.spec.buffer)) saved.push(results[k]);
    });
    if (call.saved !== null) {
      const arena = new Tensor(call.saved, [call.saved.bytes], null, 0, 'uint8');
      node.setSaved([...saved, arena]);
      arena.dispose();
    } else node.setSaved(saved);
  }

  #backwardOf(joint: Joint, code: Code, call: Call, results: readonly Tensor[], grads: readonly (Tensor | null)[]): (Tensor | null)[] {
    const given = joint.outputs.map(({ cotangent }, k) => {
      const g = grads[k];
      if (g === null || g === undefined) {
        const zero = empty(cotangent.shape, cotangent.dtype);
        fill(zero, 0);
        return zero;
      }
      return dense(g.dtype === cotangent.dtype ? g : copy(g, cotangent.dtype));
    });
    const storages = new Map(call.storages);
    for (const g of joint.gradients)
      if (g !== null && 'spec' in g && !storages.has(g.spec.buffer)) storages.set(g.spec.buffer, pool.allocate(g.spec.buffer.bytes));
    joint.outputs.forEach(({ cotangent }, k) => code.bind(cotangent.buffer, given[k].address - cotangent.offset));
    void results;
    this.#execute(code, 'second', { ...call, storages });
    return joint.gradients.map((g) => {
      if (g === null) return null;
      if ('cotangent' in g) return given[g.cotangent];
      return handle(storages.get(g.spec.buffer) as Storage, g.spec);
    });
  }

  /** Gives the memory back that the plan holds; results that can still be differentiated need it, then the collector does it. */
  release(): void {
    if (this.trace.joint !== null) return;
    for (const s of this.#held.splice(0)) s.release();
    this.#forward.release();
    this.#backward?.release();
  }
}
