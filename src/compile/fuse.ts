// Fusion: runs of elementwise instructions over the same elements become one program, and a reduction takes up the program of what it reduces.
//
// Instructions are looked at in order. A group is open while its members may still be run together, after all of them: an instruction that
// needs or disturbs what the group does either joins it or closes it first. So open groups never depend on each other, and the order of
// everything that touches the same memory stays as it was.

import { dtypeSize } from '../tensor/dtype.ts';
import {
  type Elementwise,
  elementwiseOf,
  makeElementwise,
  makeReduction,
  type Operand,
  type Reduction,
  reductionOf,
  sameOperand,
  spanOf,
} from './elementwise.ts';
import { type Buffer, type Instruction, overlap, type Ref, writes } from './graph.ts';
import { programLimits, Values } from './program.ts';
import { commonShape, parts as partsOf, refineStrides } from './space.ts';
import { Uses } from './uses.ts';

const OPEN = 24; // groups that are open at a time
const REPEATED = 6; // steps that a reduction may compute again rather than read

const computeDType = [0, 1, 2];
const BOOL = 5;
const sizes = Object.values(dtypeSize);

interface Place {
  readonly operand: Operand;
  readonly ref: Ref;
  readonly value: number;
}

/** Instructions that will run as one. */
class Group {
  readonly compute: number;
  shape: readonly number[];
  readonly values = new Values();
  readonly ins: Operand[] = [];
  inRefs: Ref[] = [];
  written: Place[] = [];
  readonly members: Instruction[] = [];
  changed = false;

  constructor(compute: number, shape: readonly number[]) {
    this.compute = compute;
    this.shape = shape;
  }

  refine(shape: readonly number[]): void {
    if (shape.length === this.shape.length) return;
    const finer = (o: Operand): Operand => ({ ...o, strides: refineStrides(o.strides, this.shape, shape) });
    this.ins.forEach((o, k) => {
      this.ins[k] = finer(o);
    });
    this.written = this.written.map((p) => ({ ...p, operand: finer(p.operand) }));
    this.shape = shape;
  }

  /** The value that is stored where `o` reads, as `o` would find it; null when it is another one or changes by being stored. */
  stored(o: Operand): number | null {
    const p = this.written.find((q) => sameOperand(q.operand, o));
    if (p === undefined) return null;
    if (o.dtype === BOOL) return this.values.truth(p.value);
    return o.dtype === computeDType[this.compute] ? p.value : null;
  }
}

const asRef = (o: Operand, shape: readonly number[], access: Ref['access']): Ref => ({
  word: 0,
  access,
  buffer: o.buffer,
  offset: o.offset,
  ...spanOf(o, shape),
});

const numelOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A number as a dtype holds it, where that is the same in every compute type; null for others. */
function asStored(v: number, dtype: number): number | null {
  if (dtype === 0) return Math.fround(v);
  if (dtype === 1) return v;
  if (dtype === BOOL) return v === 0 ? 0 : 1;
  return dtype === 2 && Number.isSafeInteger(v) ? v : null;
}

/** What `fuse` did. */
export interface Fused {
  readonly instructions: Instruction[];
  /** Index of the first instruction that came from behind `barrier`. */
  readonly barrier: number;
}

class Fuser {
  readonly #list: readonly Instruction[];
  readonly #uses: Uses;
  readonly out: Instruction[] = [];
  #open: Group[] = [];
  /** Places that hold one known number everywhere. */
  readonly #known = new Map<Buffer, { ref: Ref; dtype: number; value: number }[]>();

  constructor(list: readonly Instruction[]) {
    this.#list = list;
    this.#uses = new Uses(list);
  }

  add(at: number): void {
    const i = this.#list[at];
    const e = elementwiseOf(i);
    if (e !== null) this.#elementwise(at, i, e);
    else {
      const r = reductionOf(i);
      if (r === null || !this.#reduction(at, i, r)) this.#other(at, i);
    }
    this.#noteKnown(i, e);
  }

  closeAll(at: number): void {
    for (const g of this.#open) this.#emit(g, at);
    this.#open = [];
  }

  #close(list: readonly Group[], at: number): void {
    if (list.length === 0) return;
    for (const g of list) this.#emit(g, at);
    this.#open = this.#open.filter((g) => !list.includes(g));
  }

  /** Groups that must run before an instruction with these operands. */
  #conflicts(refs: readonly Ref[]): Group[] {
    return this.#open.filter((g) =>
      refs.some((r) => g.written.some((p) => overlap(p.ref, r)) || (writes(r.access) && g.inRefs.some((q) => overlap(q, r)))),
    );
  }

  #other(at: number, i: Instruction): void {
    this.#close(this.#conflicts(i.refs), at);
    this.out.push(i);
  }

  /** Inputs that are one number everywhere. */
  #constantOf(o: Operand, shape: readonly number[]): number | null {
    const list = this.#known.get(o.buffer);
    if (list === undefined) return null;
    const { lo, hi } = spanOf(o, shape);
    const found = list.find(
      ({ ref, dtype }) => dtype === o.dtype && ref.offset + ref.lo <= o.offset + lo && o.offset + hi <= ref.offset + ref.hi,
    );
    return found === undefined ? null : asStored(found.value, o.dtype);
  }

  /** Remembers fills, and forgets what is overwritten. */
  #noteKnown(i: Instruction, e: Elementwise | null): void {
    for (const r of i.refs) {
      if (!writes(r.access)) continue;
      const list = this.#known.get(r.buffer);
      if (list !== undefined)
        this.#known.set(
          r.buffer,
          list.filter((k) => !overlap(k.ref, r)),
        );
    }
    if (e === null || e.ins.length > 0 || e.outs.length !== 1 || e.program[0] !== 0 || e.constants.length !== 1) return;
    const [o] = e.outs;
    const { lo, hi } = spanOf(o, e.shape);
    if (hi - lo !== numelOf(e.shape) * sizes[o.dtype]) return; // has gaps
    const list = this.#known.get(o.buffer) ?? [];
    list.push({ ref: asRef(o, e.shape, 'write'), dtype: o.dtype, value: e.constants[0] });
    this.#known.set(o.buffer, list);
  }

  #elementwise(at: number, i: Instruction, e: Elementwise): void {
    const conflicts = this.#conflicts(i.refs);
    let joined: Group | null = null;
    const related = this.#open.filter((g) => !conflicts.includes(g) && g.ins.some((o) => e.ins.some((p) => p.buffer === o.buffer)));
    for (const g of [...conflicts, ...related].reverse()) {
      if (numelOf(g.shape) !== numelOf(e.shape) || !this.#join(g, at, i, e)) continue;
      joined = g;
      break;
    }
    this.#close(
      conflicts.filter((g) => g !== joined),
      at,
    );
    if (joined === null) {
      const g = new Group(e.compute, e.shape);
      this.#join(g, at, i, e);
      this.#open.push(g);
      if (this.#open.length > OPEN) this.#close([this.#open[0]], at + 1);
    }
  }

  /** Makes the instruction a member, if it can be one; the group is unchanged otherwise. */
  #join(g: Group, at: number, i: Instruction, e: Elementwise): boolean {
    const shape = g.compute === e.compute ? commonShape(g.shape, e.shape) : null;
    if (shape === null) return false;
    const fresh = g.members.length === 0;
    const over = (o: Operand): Operand => ({ ...o, strides: refineStrides(o.strides, e.shape, shape) });
    const known = e.ins.map((o) => this.#constantOf(o, e.shape));
    const ins = e.ins.map(over);
    const outs = e.outs.map(over);
    if (!fresh) {
      g.refine(shape);
      // what is read must be what a member wrote to exactly these places, or nothing that a member wrote
      for (let k = 0; k < ins.length; k++) {
        if (known[k] !== null || g.stored(ins[k]) !== null) continue;
        const r = asRef(ins[k], shape, 'read');
        if (g.written.some((p) => overlap(p.ref, r))) return false;
      }
      // what is written may be what a member reads or writes only element by element
      for (const o of outs) {
        const r = asRef(o, shape, 'write');
        if (g.written.some((p) => overlap(p.ref, r) && !sameOperand(p.operand, o))) return false;
        if (g.ins.some((p, k) => overlap(g.inRefs[k], r) && !sameOperand(p, o))) return false;
        // two results in one place
        if (outs.some((q) => q !== o && overlap(asRef(q, shape, 'write'), r))) return false;
      }
      const live = g.written.filter((p) => this.#uses.readLater(p.ref, at + 1)).length;
      if (g.values.steps + e.program[0] > programLimits.steps - 8) return false;
      if (g.ins.length + ins.length + live + outs.length > programLimits.operands - 4) return false;
      if (g.ins.length + ins.length + g.values.constants + e.constants.length > 160) return false;
    }
    const ids = ins.map((o, k) => {
      const c = known[k];
      if (c !== null) {
        g.changed = true;
        return g.values.constant(c);
      }
      const from = g.stored(o);
      if (from !== null) return from;
      let slot = g.ins.findIndex((p) => sameOperand(p, o));
      if (slot < 0) {
        slot = g.ins.push(o) - 1;
        g.inRefs.push(asRef(o, shape, 'read'));
      }
      return g.values.input(slot);
    });
    const results = g.values.append(e.program, outs.length, ids, e.constants);
    outs.forEach((operand, k) => {
      g.written = g.written.filter((p) => !sameOperand(p.operand, operand));
      g.written.push({ operand, ref: asRef(operand, shape, 'write'), value: results[k] });
    });
    g.members.push(i);
    // results that nobody uses any more need no place
    g.written = g.written.filter((p) => !this.#uses.over(p.ref.buffer, at + 1));
    return true;
  }

  /** Puts a group into the list, as it is needed from instruction `at` on. */
  #emit(g: Group, at: number): void {
    const live = g.written.filter((p) => this.#uses.readLater(p.ref, at));
    if (live.length === 0) return;
    const all = g.members.reduce((n, m) => n + m.words[4], 0);
    if (g.members.length === 1 && live.length === all && !g.changed) {
      this.out.push(g.members[0]);
      return;
    }
    const made = g.values.emit(live.map((p) => p.value));
    if (made === null) {
      this.out.push(...g.members);
      return;
    }
    const names = g.members.map((m) => m.name);
    const name = names.length === 1 ? names[0] : 'fused';
    this.out.push(
      makeElementwise(
        name,
        names.length === 1 ? [] : names,
        g.compute,
        g.shape,
        live.map((p) => p.operand),
        made.inputs.map((k) => g.ins[k]),
        made.words,
        made.constants,
      ),
    );
  }

  /** Lets a reduction compute what it reduces. False when it stays as it is. */
  #reduction(at: number, i: Instruction, r: Reduction): boolean {
    const conflicts = this.#conflicts(i.refs);
    const source = conflicts.find(
      (g) =>
        g.compute === r.compute &&
        numelOf(g.shape) === numelOf(r.shape) &&
        r.ins.some((o) => g.written.some((p) => p.ref.buffer === o.buffer)),
    );
    if (source === undefined) return false;
    const space = this.#align(source, r);
    if (space === null) return false;
    const { order, shape, cut } = space;
    // the operands of the reduction over its finer shape, and those of the group in the reduction's order of dimensions
    const fineOf = (o: Operand): Operand => ({ ...o, strides: cut(o.strides) });
    const turned = (o: Operand): Operand => ({ ...o, strides: order.map((d) => o.strides[d]) });
    const back = (o: Operand): Operand => {
      const strides = new Array<number>(order.length);
      order.forEach((d, k) => {
        strides[d] = o.strides[k];
      });
      return { ...o, strides };
    };
    const ids: number[] = [];
    const extra: Operand[] = [];
    let takes = 0;
    for (const o of r.ins) {
      const fine = fineOf(o);
      const value = source.stored(back(fine));
      if (value !== null) {
        takes++;
        ids.push(value);
        continue;
      }
      const ref = asRef(fine, shape, 'read');
      if (source.written.some((p) => overlap(p.ref, ref))) return false;
      ids.push(source.values.input(source.ins.length + extra.push(fine) - 1));
    }
    if (takes === 0) return false;
    // what the group must store anyway is read rather than computed again, unless the reduction is all that is left
    const live = source.written.filter((p) => this.#uses.readLater(p.ref, at + 1));
    const given = new Set(live.filter((p) => this.#exact(source, p)).map((p) => p.value));
    const [root] = source.values.append(r.program, 1, ids, r.constants);
    if (live.length > 0 && (ids.every((id) => given.has(id)) || source.values.cost([root], given) > REPEATED + r.program[0])) return false;
    if (live.length > 0 && this.#inputsChange(source)) return false;
    if (i.refs.some((w) => writes(w.access) && source.inRefs.some((q) => overlap(w, q)))) return false;
    const made = source.values.emit([root], given);
    if (made === null || made.inputs.length > programLimits.operands - 2) return false;
    const operandOf = (k: number): Operand => {
      if (k < 0) return turned((live.find((p) => p.value === -1 - k) as Place).operand);
      return k < source.ins.length ? turned(source.ins[k]) : extra[k - source.ins.length];
    };
    const result = makeReduction(
      i,
      [...source.members.map((m) => m.name), i.name],
      space.kept,
      shape,
      made.inputs.map(operandOf),
      made.words,
      made.constants,
    );
    this.#close(
      conflicts.filter((g) => g !== source),
      at,
    );
    this.#close([source], at + 1);
    this.out.push(result);
    return true;
  }

  /** The value of a place is what reading it gives. */
  #exact(g: Group, p: Place): boolean {
    return p.operand.dtype === computeDType[g.compute];
  }

  /** The group overwrites what it reads, so that its inputs cannot be read again after it. */
  #inputsChange(g: Group): boolean {
    return g.written.some((p) => g.inRefs.some((r) => overlap(p.ref, r)));
  }

  /** Dimensions of a group in the order in which a reduction runs over the same elements. */
  #align(g: Group, r: Reduction): { order: number[]; shape: number[]; kept: number; cut: (s: readonly number[]) => number[] } | null {
    const o = r.ins.find((x) => g.written.some((p) => p.ref.buffer === x.buffer));
    if (o === undefined || o.strides.includes(0)) return null;
    const byStride = r.shape.map((_, d) => d).sort((a, b) => o.strides[b] - o.strides[a]);
    const sorted = byStride.map((d) => r.shape[d]);
    const fine = commonShape(g.shape, sorted);
    if (fine === null) return null;
    g.refine(fine);
    const pieces = partsOf(sorted, fine);
    const order: number[] = [];
    const shape: number[] = [];
    let kept = 0;
    const ofDim: [number, number][] = r.shape.map((_, d) => pieces[byStride.indexOf(d)]);
    ofDim.forEach(([from, to], d) => {
      for (let k = from; k < to; k++) {
        order.push(k);
        shape.push(fine[k]);
        if (d < r.kept) kept++;
      }
    });
    const cut = (strides: readonly number[]): number[] =>
      ofDim.flatMap(([from, to], d) => {
        const list: number[] = [];
        let s = strides[d];
        for (let k = to - 1; k >= from; k--) {
          list.unshift(s);
          s *= fine[k];
        }
        return list;
      });
    return { order, shape, kept, cut };
  }
}

/** Fuses a list of instructions. Nothing crosses `barrier`. */
export function fuse(list: readonly Instruction[], barrier: number): Fused {
  const f = new Fuser(list);
  let at = 0;
  for (; at < barrier; at++) f.add(at);
  f.closeAll(at);
  const middle = f.out.length;
  for (; at < list.length; at++) f.add(at);
  f.closeAll(at);
  return { instructions: f.out, barrier: middle };
}
