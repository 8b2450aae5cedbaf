// Copies that need not be: what a temporary is computed for, a part of a stacked or joined tensor, is computed in place.

import { elementwiseOf, type Operand } from './elementwise.ts';
import { type Buffer, type Instruction, overlap, type Ref, writes } from './graph.ts';
import { Uses } from './uses.ts';

/** An instruction that copies dense elements as they are, or null. */
function plainCopy(i: Instruction): { from: Ref; to: Ref } | null {
  const e = elementwiseOf(i);
  if (e === null || e.ins.length !== 1 || e.outs.length !== 1 || e.program[0] !== 0 || e.program[2] !== 0) return null;
  if (e.ins[0].dtype !== e.outs[0].dtype) return null;
  const dense = (o: Operand): boolean => {
    let step = 1;
    for (let d = e.shape.length - 1; d >= 0; step *= e.shape[d--]) if (o.strides[d] !== step) return false;
    return true;
  };
  if (!dense(e.ins[0]) || !dense(e.outs[0])) return null;
  const at = (word: number): Ref => i.refs.find((r) => r.word === word) as Ref;
  return { to: at(9), from: at(11) };
}

/** Puts temporaries that are copied whole into the place that they are copied to. Nothing crosses `barrier`. */
export function elideCopies(list: readonly Instruction[], barrier: number): { instructions: Instruction[]; barrier: number } {
  const uses = new Uses(list);
  const gone = new Set<number>();
  /** Where a temporary lies now: offset of its byte 0 in another buffer. */
  const moved = new Map<Buffer, { buffer: Buffer; shift: number }>();
  /** Places that took in a temporary, with the span of its life. */
  const taken = new Map<Buffer, { place: Ref; from: number; to: number }[]>();
  list.forEach((i, at) => {
    const c = plainCopy(i);
    if (c === null) return;
    const { from, to } = c;
    if (from.buffer === to.buffer || from.buffer.kind !== 'temp' || (to.buffer.kind !== 'temp' && to.buffer.kind !== 'output')) return;
    if (moved.has(from.buffer) || moved.has(to.buffer) || taken.has(from.buffer)) return;
    const own = uses.of(from.buffer);
    const [first, last] = [own[0].at, own[own.length - 1].at];
    if (first === at || first < barrier !== last < barrier || first < barrier !== at < barrier) return;
    const [lo, hi] = [from.offset + from.lo, from.offset + from.hi];
    for (const { at: k, ref } of own) {
      // all of it must be copied, and it must stay as it was copied; constants and programs that change keep their place
      if (ref.offset + ref.lo < lo || ref.offset + ref.hi > hi || (k > at && writes(ref.access))) return;
    }
    const shift = to.offset - from.offset;
    if (shift % 64 !== 0 && own.some(({ ref }) => ref.access === 'scratch')) return;
    // the place must be free from the first use of the temporary to its copy, and stay as it is until its last use
    for (const { at: k, ref } of uses.of(to.buffer)) {
      if (k === at || k < first || k > last || !overlap(ref, to)) continue;
      if (k < at || writes(ref.access)) return;
    }
    if ((taken.get(to.buffer) ?? []).some((t) => overlap(t.place, to) && t.from <= last && first <= t.to)) return;
    // an instruction that works on the temporary must not work on the place, too
    moved.set(from.buffer, { buffer: to.buffer, shift });
    taken.set(to.buffer, [...(taken.get(to.buffer) ?? []), { place: to, from: first, to: Math.max(last, at) }]);
    gone.add(at);
  });
  if (gone.size === 0) return { instructions: [...list], barrier };
  const place = (r: Ref): Ref => {
    const m = moved.get(r.buffer);
    return m === undefined ? r : { ...r, buffer: m.buffer, offset: r.offset + m.shift };
  };
  const out: Instruction[] = [];
  let middle = -1;
  list.forEach((i, at) => {
    if (at === barrier) middle = out.length;
    if (!gone.has(at)) out.push(i.refs.some((r) => moved.has(r.buffer)) ? { ...i, refs: i.refs.map(place) } : i);
  });
  return { instructions: out, barrier: middle < 0 ? out.length : middle };
}
