// Scaled dot-product attention: one fused instruction that never holds the scores, forward and backward; and the same by small operations,
// for second derivatives, returned weights and what the instruction does not take.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record, type Vjp } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { defaultGenerator, Generator } from '../runtime/random.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { broadcastShapes, broadcastStrides, numelOf, type Shape, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fillRandom, ones } from './create.ts';
import { tril } from './create-more.ts';
import { add, mul, ne, where } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { alias, cast, empty } from './raw.ts';
import { gradientsOfComposition } from './recompose.ts';
import { any } from './reduce.ts';
import { softmax } from './softmax.ts';
import { contiguous, expand, reshape, transpose, unsqueeze } from './view.ts';

export interface AttentionOptions {
  /** Broadcasts to [..., L, S]. Bool: true where a query may attend; floating point: added to the scores. */
  attnMask?: Tensor | null;
  /** Probability of dropping a weight. */
  dropoutP?: number;
  /** Query i attends to keys 0 … i only. */
  isCausal?: boolean;
  /** Factor of the scores; 1/√E by default. */
  scale?: number | null;
  /** Each head of keys and values serves several heads of queries (grouped-query attention). */
  enableGqa?: boolean;
  generator?: Generator;
}

/** What one call does, apart from its tensors. */
interface Plan {
  readonly scale: number;
  readonly causal: boolean;
  readonly dropoutP: number;
  readonly seed: number;
  readonly offset: number;
  /** Heads of queries by heads of keys. */
  readonly group: number;
}

const LARGEST_HEAD = 128; // columns of a head that the instruction's scratch memory holds

/** Weights and their product with the values by small operations; mask as in the options, all shapes fitting. */
function compose(q: Tensor, k_: Tensor, v_: Tensor, mask: Tensor | null, plan: Plan): { output: Tensor; weights: Tensor } {
  const [k, v] = [repeatHeads(k_, plan.group), repeatHeads(v_, plan.group)];
  let scores = matmul(mul(q, plan.scale), transpose(k, -2, -1));
  const [L, S] = scores.shape.slice(-2);
  let visible: Tensor | null = null;
  if (plan.causal) visible = tril(ones([L, S], { dtype: 'bool' }));
  else if (mask !== null) visible = mask.dtype === 'bool' ? mask : ne(mask, Number.NEGATIVE_INFINITY);
  if (mask !== null && mask.dtype !== 'bool') scores = add(scores, mask);
  if (visible !== null) scores = where(visible, scores, Number.NEGATIVE_INFINITY);
  // A query that sees no key gets zeros: softmax would make NaN of a row without a finite score.
  const sees = visible === null || plan.causal ? null : any(visible, { dim: -1, keepdim: true });
  let weights = softmax(sees === null ? scores : where(sees, scores, 0), -1);
  if (sees !== null) weights = where(sees, weights, 0);
  if (plan.dropoutP > 0) weights = mul(mul(weights, keepMask(weights.shape, plan)), plan.dropoutP < 1 ? 1 / (1 - plan.dropoutP) : 0);
  return { output: matmul(weights, v), weights };
}

/** [..., H, S, E] with each head `group` times. */
function repeatHeads(x: Tensor, group: number): Tensor {
  if (group === 1) return x;
  const n = x.ndim;
  const wide = unsqueeze(x, n - 2);
  return reshape(expand(wide, [...x.shape.slice(0, -2), group, ...x.shape.slice(-2)]), [
    ...x.shape.slice(0, n - 3),
    x.shape[n - 3] * group,
    ...x.shape.slice(-2),
  ]);
}

/** The weights that dropout keeps, the same as in the fused instruction. */
function keepMask(shape: Shape, plan: Plan): Tensor {
  const mask = empty(shape, 'bool');
  const generator = new Generator(plan.seed);
  generator.offset = plan.offset;
  fillRandom(mask, 'bernoulli', 1 - plan.dropoutP, 0, generator);
  return mask;
}

/** Checks the arguments and fixes scale, dropout and groups. */
function planOf(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Plan {
  const name = 'scaledDotProductAttention';
  const { attnMask = null, dropoutP = 0, isCausal = false, scale = null, enableGqa = false, generator = defaultGenerator } = options;
  const shapes = `query ${show(q.shape)}, key ${show(k.shape)}, value ${show(v.shape)}`;
  if (q.ndim < 2 || k.ndim < 2 || v.ndim < 2)
    throw new ShapeError(`${name}: ${shapes}; each needs at least two dimensions, [..., L, E], [..., S, E] and [..., S, Ev]`);
  const [E, EK] = [q.shape[q.ndim - 1], k.shape[k.ndim - 1]];
  if (E !== EK) throw new ShapeError(`${name}: ${shapes}; query and key must have the same last dimension, got ${E} and ${EK}`);
  if (k.shape[k.ndim - 2] !== v.shape[v.ndim - 2])
    throw new ShapeError(`${name}: ${shapes}; key and value must have equally many positions (second-to-last dimension)`);
  for (const t of [q, k, v])
    if ((t.dtype !== 'float32' && t.dtype !== 'float64') || t.dtype !== q.dtype)
      throw new DTypeError(
        `${name}: query is ${q.dtype}, key ${k.dtype}, value ${v.dtype}; all must be float32 or all float64, cast with .to(...)`,
      );
  if (!(dropoutP >= 0 && dropoutP <= 1)) throw new ValueError(`${name}: dropoutP ${dropoutP} must be a probability from 0 to 1`);
  if (isCausal && attnMask !== null)
    throw new ValueError(`${name}: isCausal and attnMask exclude each other; put the causal part into the mask`);
  if (attnMask !== null && attnMask.dtype !== 'bool' && attnMask.dtype !== 'float32' && attnMask.dtype !== 'float64')
    throw new DTypeError(`${name}: attnMask is ${attnMask.dtype}; it must be bool (true: attend) or floating point (added to the scores)`);
  let group = 1;
  if (enableGqa) {
    const heads = [q, k, v].map((t) => (t.ndim >= 3 ? t.shape[t.ndim - 3] : 1));
    if (q.ndim < 3 || k.ndim < 3 || v.ndim < 3 || heads[1] !== heads[2] || heads[1] === 0 || heads[0] % heads[1] !== 0)
      throw new ShapeError(`${name}: ${shapes}; with enableGqa the heads of the query must be a multiple of those of key and value`);
    group = heads[0] / heads[1];
  }
  const lead = leadOf(q, k, v, group);
  const full = [...lead, q.shape[q.ndim - 2], k.shape[k.ndim - 2]];
  if (attnMask !== null && !sameShape(broadcastShapes(name, full, attnMask.shape), full))
    throw new ShapeError(`${name}: attnMask is ${show(attnMask.shape)}; it must broadcast to the scores ${show(full)}`);
  const offset = dropoutP > 0 ? generator.take(Math.ceil(numelOf(full) / 4)) : 0;
  return { scale: scale ?? 1 / Math.sqrt(E), causal: isCausal, dropoutP, seed: generator.seed, offset, group };
}

/** The leading dimensions of the result. */
function leadOf(q: Tensor, k: Tensor, v: Tensor, group: number): number[] {
  const lead = (t: Tensor): number[] => t.shape.slice(0, -2);
  const grouped = (t: Tensor): number[] => {
    const s = lead(t);
    if (group > 1) s[s.length - 1] *= group;
    return s;
  };
  const name = 'scaledDotProductAttention';
  return broadcastShapes(name, broadcastShapes(name, lead(q), grouped(k)), grouped(v)).slice();
}

/** As [B, H, rows, columns] with dense columns. */
function fourDimensional(t: Tensor, lead: Shape): Tensor {
  const tail = t.shape.slice(-2);
  let x = sameShape(t.shape.slice(0, -2), lead) ? t : expand(t, [...lead, ...tail]);
  if (lead.length > 2) x = reshape(x, [-1, lead[lead.length - 1], ...tail]);
  while (x.ndim < 4) x = unsqueeze(x, 0);
  return x.strides[3] === 1 || x.shape[3] === 1 ? x : contiguous(x);
}

/** An undefined [B, H, rows, columns] whose memory order is that of `like`: heads inside of rows or outside. */
function emptyLike(like: Tensor, [B, H, rows, columns]: Shape): Tensor {
  if (H === 1 || like.strides[1] >= like.strides[2] || like.strides[1] === 0) return empty([B, H, rows, columns], like.dtype);
  return alias(empty([B, rows, H, columns], like.dtype), [B, H, rows, columns], [rows * H * columns, columns, H * columns, 1]);
}

function writeOperand(at: number, t: Tensor | null): void {
  I[at] = t === null ? 0 : t.address;
  for (let i = 0; i < 3; i++) I[at + 1 + i] = t === null ? 0 : t.strides[i];
}

/** The words that forward and backward share; everything [B, H, rows, columns], `mask` expanded to the scores. */
function writeCommon(opcode: 42 | 43, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, mask: Tensor | null, plan: Plan): void {
  I[0] = opcode;
  I[2] = dtypeCode[q.dtype];
  I[3] = q.shape[0];
  I[4] = q.shape[1];
  I[5] = k.shape[1];
  I[6] = q.shape[2];
  I[7] = k.shape[2];
  I[8] = q.shape[3];
  I[9] = v.shape[3];
  I[10] = plan.scale;
  I[11] = plan.causal ? 1 : 0;
  I[12] = plan.dropoutP;
  I[13] = plan.seed >>> 0;
  I[14] = Math.floor(plan.seed / 2 ** 32);
  I[15] = plan.offset % 2 ** 32;
  I[16] = Math.floor(plan.offset / 2 ** 32);
  writeOperand(17, q);
  writeOperand(21, k);
  writeOperand(25, v);
  writeOperand(29, out);
  I[33] = lse.address;
  I[34] = mask === null ? 0 : mask.address;
  I[35] = mask === null ? 0 : mask.dtype === 'bool' ? 1 : 2;
  for (let i = 0; i < 4; i++) I[36 + i] = mask === null ? 0 : mask.strides[i];
}

/** The vjp of the fused instruction. A function of its own, so that nothing but the saved tensors is held for backward. */
function fusedVjp(plan: Plan): Vjp {
  return ([g], [q, k, v, out, lse, mask = null], node) => {
    if (g === null) return [null, null, null];
    if (isGradEnabled())
      return gradientsOfComposition(node, [q, k, v], [g], ([q0, k0, v0]) => [
        compose(q0 as Tensor, k0 as Tensor, v0 as Tensor, mask, plan).output,
      ]);
    const dout = g.strides[3] === 1 ? g : contiguous(g);
    const [dq, dk, dv] = [q, k, v].map((t) => emptyLike(t, t.shape));
    writeCommon(43, q, k, v, out, lse, mask, plan);
    writeOperand(40, dout);
    writeOperand(44, dq);
    writeOperand(48, dk);
    writeOperand(52, dv);
    run('scaledDotProductAttentionBackward', 56);
    return [dq, dk, dv];
  };
}

/** The fused instruction over [B, H, rows, columns]. */
function fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null, plan: Plan): Tensor {
  const [B, H, L] = q.shape;
  const out = emptyLike(q, [B, H, L, v.shape[3]]);
  const lse = empty([B, H, L], q.dtype);
  writeCommon(42, q, k, v, out, lse, mask, plan);
  run('scaledDotProductAttention', 40);
  if (mustRecord([q, k, v]))
    record('scaledDotProductAttention', [q, k, v], [out], mask === null ? [q, k, v, out, lse] : [q, k, v, out, lse, mask], fusedVjp(plan));
  else lse.dispose();
  return out;
}

/**
 * softmax(scale · query·keyᵀ + mask)·value. query [..., L, E], key [..., S, E], value [..., S, Ev] to [..., L, Ev]; leading dimensions
 * broadcast. A query that sees no key gives zeros. ShapeError, DTypeError and ValueError name the argument that does not fit.
 */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor {
  const plan = planOf(query, key, value, options);
  const mask = options.attnMask ?? null;
  const [E, EV] = [query.shape[query.ndim - 1], value.shape[value.ndim - 1]];
  const [L, S] = [query.shape[query.ndim - 2], key.shape[key.ndim - 2]];
  const lead = leadOf(query, key, value, plan.group);
  const wanted = E > 0 && EV > 0 && E <= LARGEST_HEAD && EV <= LARGEST_HEAD && L > 0 && S > 0 && numelOf(lead) > 0;
  if (!wanted || (mask !== null && mustRecord([mask]))) return compose(query, key, value, mask, plan).output;
  const keyLead = lead.slice();
  if (plan.group > 1) keyLead[keyLead.length - 1] /= plan.group;
  const heads = lead[lead.length - 1] ?? 1;
  let wide: Tensor | null = null;
  if (mask !== null) {
    const typed = mask.dtype === 'bool' ? mask : cast(mask, query.dtype);
    const full = [...lead, L, S];
    wide = alias(typed, full, broadcastStrides(typed.shape, typed.strides, full));
    wide = lead.length > 2 ? reshape(wide, [-1, heads, L, S]) : wide;
    while (wide.ndim < 4) wide = unsqueeze(wide, 0);
  }
  const out = fused(fourDimensional(query, lead), fourDimensional(key, keyLead), fourDimensional(value, keyLead), wide, plan);
  return lead.length === 2 ? out : reshape(out, [...lead, L, EV]);
}

/** As scaledDotProductAttention, by small operations that give the weights [..., L, S] too (after dropout). */
export function attentionWithWeights(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): { output: Tensor; weights: Tensor } {
  return compose(query, key, value, options.attnMask ?? null, planOf(query, key, value, options));
}
