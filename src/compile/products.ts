// Sums of products: what is added to a matrix product becomes part of it. A·B + C·D + bias through an activation is two products into one place, the
// second adding to the first; a product that is added to a gradient adds itself.

import { type Elementwise, elementwiseOf, type Operand } from './elementwise.ts';
import { ADD, activations, biasPlace, isDense, productDense } from './epilogue.ts';
import { type Instruction, overlap, type Ref, writes } from './graph.ts';
import { Uses } from './uses.ts';

/** The inputs that a program adds up, each once, and the activation behind them; null for another program. */
function sumOf(e: Elementwise): { leaves: number[]; activation: number } | null {
  const p = e.program;
  if (e.outs.length !== 1 || e.constants.length > 0 || p[0] < 1 || p[0] > 3) return null;
  const sums = new Map<number, number[]>(e.ins.map((_, k) => [k, [k]]));
  let activation = 0;
  for (let k = 0; k < p[0]; k++) {
    const [op, dst, a, b] = [0, 1, 2, 3].map((i) => p[3 + 5 * k + i]);
    const [x, y] = [sums.get(a), sums.get(b)];
    if (x === undefined || activation !== 0) return null;
    if (op === ADD) {
      if (y === undefined || a === b) return null;
      sums.delete(a);
      sums.delete(b);
      sums.set(dst, [...x, ...y]);
    } else {
      activation = activations.get(op) ?? -1;
      if (activation < 0) return null;
      sums.delete(a);
      sums.set(dst, x);
    }
  }
  const leaves = sums.get(p[2]);
  return leaves === undefined || leaves.length !== e.ins.length ? null : { leaves, activation };
}

/** Merges sums into products. Nothing crosses `barrier`; gives the new list and barrier. */
export function mergeSums(list: readonly Instruction[], barrier: number): { instructions: Instruction[]; barrier: number } {
  const uses = new Uses(list);
  const gone = new Set<number>();
  const out = [...list];
  list.forEach((i, at) => {
    const e = elementwiseOf(i);
    const sum = e === null || e.compute > 1 ? null : sumOf(e);
    if (e === null || sum === null || e.outs[0].dtype !== e.compute || !isDense(e.outs[0], e.shape)) return;
    const numel = e.shape.reduce((a, b) => a * b, 1);
    const target = i.refs.find((r) => r.word === 9) as Ref;
    const refOf = (k: number): Ref => i.refs.find((r) => r.word === 11 + 2 * k) as Ref;
    /** Where the product was computed that input `k` is the whole result of. */
    const productOf = (k: number): number => {
      const o: Operand = e.ins[k];
      if (o.buffer.kind !== 'temp' || o.dtype !== e.compute || !isDense(o, e.shape)) return -1;
      const own = uses.of(o.buffer);
      if (own.length !== 2 || own[1].at !== at || own[0].at < barrier !== at < barrier || gone.has(own[0].at)) return -1;
      const { words: w } = out[own[0].at];
      if (w[0] !== 3 || own[0].ref.word !== 12 || w[2] !== e.compute || w[5] === 0 || w[15] !== 0 || w[17] !== 0 || !productDense(w))
        return -1;
      let n = w[3] * w[4];
      for (let d = 0; d < w[14]; d++) n *= w[19 + d];
      return n === numel && own[0].ref.offset === o.offset ? own[0].at : -1;
    };
    const kinds = sum.leaves.map((k) => ({
      k,
      product: productOf(k),
      own:
        e.ins[k].buffer === e.outs[0].buffer &&
        e.ins[k].offset === e.outs[0].offset &&
        e.ins[k].dtype === e.compute &&
        isDense(e.ins[k], e.shape),
    }));
    const products = kinds.filter((x) => x.product >= 0).sort((a, b) => a.product - b.product);
    const rest = kinds.filter((x) => x.product < 0 && !x.own);
    const adds = kinds.some((x) => x.own); // the sum is added to what is there
    if (products.length === 0 || products.length + Number(adds) !== 2 || rest.length > 1) return;
    const last = products[products.length - 1].product;
    const bias = rest.length === 1 ? e.ins[rest[0].k] : null;
    const biasRef = rest.length === 1 ? refOf(rest[0].k) : null;
    const axis = bias === null ? 0 : biasPlace(out[last], e, bias);
    if (axis === null || (bias !== null && (bias.dtype !== e.compute || out[last].refs.some((r) => r.word === 16)))) return;
    // the target is used by nobody from the first of them to the sum, and the bias is there for the last
    const first = products[0].product;
    for (let k = first; k < at; k++) {
      if (gone.has(k)) continue;
      for (const r of out[k].refs) {
        if (overlap(r, target)) return;
        if (biasRef !== null && k > last && writes(r.access) && overlap(r, biasRef)) return;
      }
    }
    products.forEach(({ product }, n) => {
      const p = out[product];
      const words = [...p.words];
      const c = p.refs.find((r) => r.word === 12) as Ref;
      const accumulates = adds || n > 0;
      const refs = p.refs.filter((r) => r.word !== 12);
      refs.push({ ...c, buffer: target.buffer, offset: target.offset, access: accumulates ? 'update' : 'write' });
      if (accumulates) words[15] = 1;
      let { parts } = p;
      if (product === last) {
        words[17] = sum.activation;
        if (biasRef !== null) {
          words[18] = axis;
          refs.push({ ...biasRef, word: 16 });
        }
        parts = [...(parts.length > 0 ? parts : [p.name]), ...(i.parts.length > 0 ? i.parts : [i.name])];
      }
      out[product] = { ...p, words, refs, parts };
    });
    gone.add(at);
  });
  let moved = barrier;
  for (const k of gone) if (k < barrier) moved--;
  return { instructions: out.filter((_, k) => !gone.has(k)), barrier: moved };
}
