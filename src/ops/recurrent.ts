// Recurrent layers over whole sequences: one instruction a direction, forward and backward. Derivatives of the backward, and LSTMs with a
// projection, are composed of smaller operations.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record, type Vjp } from '../autograd/node.ts';
import { DTypeError } from '../runtime/errors.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { relu, sigmoid, tanh } from './activations.ts';
import { zeros } from './create.ts';
import { add, mul, sub } from './elementwise.ts';
import { cat, stack } from './join.ts';
import { linear } from './matmul.ts';
import { dense, empty } from './raw.ts';
import { gradientsOfComposition } from './recompose.ts';
import { contiguous, narrow, select, unsqueeze } from './view.ts';

/** Kinds of cells, by their codes in the instruction set: Elman with relu or tanh, LSTM, GRU. */
export const cellCodes = { relu: 0, tanh: 1, lstm: 2, gru: 3 } as const;
export type CellKind = keyof typeof cellCodes;

/** Gates of a cell: rows of its weights by the hidden size. Their order is i, f, g, o and r, z, n. */
export const cellGates: Record<CellKind, number> = { relu: 1, tanh: 1, lstm: 4, gru: 3 };
/** What the instructions keep for each unit and step: the gates; for a GRU also the hidden part of n. */
const cellSlots: Record<CellKind, number> = { relu: 1, tanh: 1, lstm: 4, gru: 4 };

/** Weights and the initial state of one direction of a layer. G gates, H units, P outputs (H without a projection), N sequences. */
export interface Direction {
  /** [G·H, I] */
  readonly weightIh: Tensor;
  /** [G·H, P] */
  readonly weightHh: Tensor;
  /** [G·H] each */
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** LSTM only: [P, H], the projection of the outputs. */
  readonly weightHr?: Tensor | null;
  /** [N, P] and, for an LSTM, [N, H]; null: zeros. */
  readonly h0: Tensor | null;
  readonly c0: Tensor | null;
}

export interface LayerResult {
  /** [T, N, D·P], the directions side by side. */
  readonly y: Tensor;
  /** The last state of each direction, [N, P] each. */
  readonly h: readonly Tensor[];
  /** LSTM: the last cell state of each direction, [N, H] each. */
  readonly c: readonly Tensor[];
}

const PER_DIRECTION = 6; // inputs of a direction in the recorded node
const inputsOf = (d: Direction): (Tensor | null)[] => [d.weightIh, d.weightHh, d.biasIh, d.biasHh, d.h0, d.c0];

/** One step of a cell by small operations: x·Wᵢₕᵀ + bᵢₕ [N, G·H] and the state to the next state. */
function cellStep(cell: CellKind, gx: Tensor, d: Direction, h: Tensor, c: Tensor | null): [Tensor, Tensor | null] {
  const gh = linear(h, d.weightHh, d.biasHh);
  const H = gx.shape[1] / cellGates[cell];
  if (cell === 'lstm') {
    const g = add(gx, gh);
    const gate = (i: number): Tensor => narrow(g, 1, i * H, H);
    const next = add(mul(sigmoid(gate(1)), c as Tensor), mul(sigmoid(gate(0)), tanh(gate(2))));
    const out = mul(sigmoid(gate(3)), tanh(next));
    return [d.weightHr ? linear(out, d.weightHr) : out, next];
  }
  if (cell === 'gru') {
    const part = (g: Tensor, i: number): Tensor => narrow(g, 1, i * H, H);
    const r = sigmoid(add(part(gx, 0), part(gh, 0)));
    const z = sigmoid(add(part(gx, 1), part(gh, 1)));
    const n = tanh(add(part(gx, 2), mul(r, part(gh, 2))));
    return [add(n, mul(z, sub(h, n))), null];
  }
  const a = add(gx, gh);
  return [cell === 'tanh' ? tanh(a) : relu(a), null];
}

/** A layer by small operations: x [T, N, I]. */
export function composeRecurrent(cell: CellKind, x: Tensor, directions: readonly Direction[]): LayerResult {
  const [T, N] = x.shape;
  const ys: Tensor[] = [];
  const hs: Tensor[] = [];
  const cs: Tensor[] = [];
  directions.forEach((d, k) => {
    const gx = linear(x, d.weightIh, d.biasIh);
    let h = d.h0 ?? zeros([N, d.weightHh.shape[1]], { dtype: x.dtype });
    let c = cell === 'lstm' ? (d.c0 ?? zeros([N, d.weightHh.shape[0] / 4], { dtype: x.dtype })) : null;
    const out = new Array<Tensor>(T);
    for (let s = 0; s < T; s++) {
      const t = k === 1 ? T - 1 - s : s;
      [h, c] = cellStep(cell, select(gx, 0, t), d, h, c);
      out[t] = h;
    }
    ys.push(stack(out));
    hs.push(h);
    if (c !== null) cs.push(c);
  });
  return { y: ys.length === 1 ? ys[0] : cat(ys, 2), h: hs, c: cs };
}

/** What a direction leaves for its backward pass. */
interface Kept {
  /** [T, N, slots·H]; null where y says it all. */
  readonly gates: Tensor | null;
  /** LSTM: all cell states [T, N, H]. */
  readonly cells: Tensor | null;
}
interface Forward extends Kept {
  readonly hLast: Tensor;
  readonly cLast: Tensor | null;
}

const at = (t: Tensor | null): number => (t === null ? 0 : t.address);

/** The words that both instructions share; `y` is the whole output, of which the direction's columns begin at `column`. */
function writeCommon(
  opcode: 40 | 41,
  cell: CellKind,
  x: Tensor,
  d: Direction,
  k: number,
  y: Tensor,
  column: number,
  kept: Kept,
  last: { readonly hLast: Tensor; readonly cLast: Tensor | null } | null,
  workspace: Tensor,
): void {
  I[0] = opcode;
  I[2] = dtypeCode[x.dtype];
  I[3] = cellCodes[cell];
  I[4] = x.shape[0];
  I[5] = x.shape[1];
  I[6] = x.shape[2];
  I[7] = d.weightHh.shape[1];
  I[8] = k;
  I[9] = x.address;
  I[10] = d.weightIh.address;
  I[11] = d.weightHh.address;
  I[12] = at(d.biasIh);
  I[13] = at(d.biasHh);
  I[14] = at(d.h0);
  I[15] = at(d.c0);
  I[16] = y.address + column * (x.dtype === 'float64' ? 8 : 4);
  I[17] = y.shape[2];
  I[18] = at(last?.hLast ?? null);
  I[19] = at(last?.cLast ?? null);
  I[20] = at(kept.gates);
  I[21] = at(kept.cells);
  I[22] = workspace.address;
}

function forwardDirection(cell: CellKind, x: Tensor, d: Direction, k: number, y: Tensor): Forward {
  const [T, N, size] = x.shape;
  const H = d.weightHh.shape[1];
  const slots = cellSlots[cell];
  const lstm = cell === 'lstm';
  const kept: Forward = {
    hLast: empty([N, H], x.dtype),
    cLast: lstm ? empty([N, H], x.dtype) : null,
    gates: slots === 1 ? null : empty([T, N, slots * H], x.dtype),
    cells: lstm ? empty([T, N, H], x.dtype) : null,
  };
  const workspace = empty([slots * (H + 48) * (size + H) + slots * H + 2 * N * (size + H)], x.dtype);
  writeCommon(40, cell, x, d, k, y, k * H, kept, kept, workspace);
  run('recurrent', 23);
  workspace.dispose();
  return kept;
}

/** Gradients of [x, then the inputs of each direction] without a graph. */
function backward(
  cell: CellKind,
  x: Tensor,
  directions: readonly Direction[],
  y: Tensor,
  kept: readonly Kept[],
  grads: readonly (Tensor | null)[],
  needs: (i: number) => boolean,
): (Tensor | null)[] {
  const [T, N, size] = x.shape;
  const D = directions.length;
  const dtype = x.dtype;
  const denseGrad = (g: Tensor | null | undefined): Tensor | null => (g === null || g === undefined ? null : dense(g));
  const dy = denseGrad(grads[0]);
  const dx = needs(0) ? empty(x.shape, dtype) : null;
  const out: (Tensor | null)[] = [dx];
  directions.forEach((d, k) => {
    const H = d.weightHh.shape[1];
    const slots = cellSlots[cell];
    const rows = cellGates[cell] * H;
    const first = 1 + k * PER_DIRECTION;
    const want = (i: number, shape: number[]): Tensor | null => (needs(first + i) ? empty(shape, dtype) : null);
    const dw = [want(0, [rows, size]), want(1, [rows, H]), want(2, [rows]), want(3, [rows])];
    const dh = empty([N, H], dtype);
    const dc = cell === 'lstm' ? empty([N, H], dtype) : null;
    const dgates = empty([T, N, slots * H], dtype);
    const dhLast = denseGrad(grads[1 + k]);
    const dcLast = denseGrad(grads[1 + D + k]);
    const workspace = empty([(H + 48) * rows + N * rows + (17 + Math.ceil(N / 16)) * slots * H], dtype);
    writeCommon(41, cell, x, d, k, y, k * H, kept[k], null, workspace);
    I[23] = dy === null ? 0 : dy.address + k * H * (dtype === 'float64' ? 8 : 4);
    I[24] = y.shape[2];
    I[25] = at(dhLast);
    I[26] = at(dcLast);
    I[27] = at(dx);
    I[28] = at(dw[0]);
    I[29] = at(dw[1]);
    I[30] = at(dw[2]);
    I[31] = at(dw[3]);
    I[32] = dh.address;
    I[33] = at(dc);
    I[34] = dgates.address;
    I[35] = k; // the second direction adds to dx
    run('recurrentBackward', 36);
    out.push(...dw, needs(first + 4) ? dh : null, needs(first + 5) ? dc : null);
    workspace.dispose();
    dgates.dispose();
  });
  return out;
}

/**
 * One recurrent layer: x [T, N, I] through one or two directions (the second runs from the end to the beginning). DTypeError unless all is
 * float32 or all float64. Shapes are the caller's business.
 */
export function recurrentLayer(cell: CellKind, x_: Tensor, directions_: readonly Direction[]): LayerResult {
  for (const t of [x_, ...directions_.flatMap(inputsOf)]) {
    if (t !== null && ((t.dtype !== 'float32' && t.dtype !== 'float64') || t.dtype !== x_.dtype))
      throw new DTypeError(
        `recurrent layer: the input is ${x_.dtype} and a weight or state is ${t.dtype}; both must be float32 or both float64, cast one with .to(...)`,
      );
  }
  if (directions_.some((d) => d.weightHr)) return composeRecurrent(cell, x_, directions_);
  const x = contiguous(x_);
  const flat = directions_.flatMap(inputsOf).map((t) => (t === null ? null : contiguous(t)));
  const directions = directionsOf(flat);
  const H = directions[0].weightHh.shape[1];
  const D = directions.length;
  const y = empty([x.shape[0], x.shape[1], D * H], x.dtype);
  const kept = directions.map((d, k) => forwardDirection(cell, x, d, k, y));
  const h = kept.map((s) => s.hLast);
  const c = kept.flatMap((s) => (s.cLast === null ? [] : [s.cLast]));
  const inputs = [x, ...flat];
  const intermediate = kept.flatMap((s) => [s.gates, s.cells]).filter((t): t is Tensor => t !== null);
  if (!mustRecord(inputs)) {
    for (const t of intermediate) t.dispose();
    return { y, h, c };
  }
  const given = inputs.filter((t): t is Tensor => t !== null);
  record(cell, inputs, [y, ...h, ...c], [...given, y, ...intermediate], layerVjp(cell, presence(inputs)));
  return { y, h, c };
}

const presence = (inputs: readonly (Tensor | null)[]): boolean[] => inputs.map((t) => t !== null);

/** The vjp of a layer. A function of its own, so that nothing but the saved tensors is held for backward. */
function layerVjp(cell: CellKind, present: readonly boolean[]): Vjp {
  return (grads, saved, node) => {
    let next = 0;
    const [x, ...flat] = present.map((there) => (there ? saved[next++] : null));
    const directions = directionsOf(flat);
    if (isGradEnabled())
      return gradientsOfComposition(node, [x, ...flat], grads, ([x0, ...rest]) => {
        const r = composeRecurrent(cell, x0 as Tensor, directionsOf(rest));
        return [r.y, ...r.h, ...r.c];
      });
    const y = saved[next++];
    const kept = directions.map(() => ({
      gates: cellSlots[cell] === 1 ? null : saved[next++],
      cells: cell === 'lstm' ? saved[next++] : null,
    }));
    return backward(cell, x as Tensor, directions, y, kept, grads, (i) => node.needs(i));
  };
}

function directionsOf(flat: readonly (Tensor | null)[]): Direction[] {
  const out: Direction[] = [];
  for (let i = 0; i < flat.length; i += PER_DIRECTION) {
    const [weightIh, weightHh, biasIh, biasHh, h0, c0] = flat.slice(i, i + PER_DIRECTION);
    out.push({ weightIh: weightIh as Tensor, weightHh: weightHh as Tensor, biasIh, biasHh, h0, c0 });
  }
  return out;
}

/** One step of a cell: x [N, I], state [N, H] each. */
export function recurrentCell(cell: CellKind, x: Tensor, d: Direction): { h: Tensor; c: Tensor | null } {
  const r = recurrentLayer(cell, unsqueeze(x, 0), [d]);
  return { h: r.h[0], c: r.c[0] ?? null };
}
