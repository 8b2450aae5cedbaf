// Convolution (cross-correlation) over one or two spatial dimensions; three are in conv3d.ts. Forward, input gradient and weight gradient are three
// operations, each linear in both operands, and the derivative of each is made of the other two: so every order of derivative exists.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { recording } from '../runtime/recording.ts';
import { convWorkspace, I, pool, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { dense, empty, fill } from './raw.ts';
import { sum } from './reduce.ts';
import { add, input } from './scalar.ts';
import { narrow, reshape, squeeze, unsqueeze } from './view.ts';

/** One number for every spatial dimension, or one for each. */
export type Size = number | readonly number[];

export interface ConvOptions {
  /** Step of the window. */
  stride?: Size;
  /** Zeros on both sides; 'same' keeps the size (stride 1 only), 'valid' is 0. */
  padding?: Size | 'same' | 'valid';
  /** Distance between the window's elements. */
  dilation?: Size;
  /** Channel groups that do not see one another. */
  groups?: number;
}

export interface ConvTransposeOptions {
  stride?: Size;
  padding?: Size;
  /** Extra size at the end of each spatial dimension. */
  outputPadding?: Size;
  groups?: number;
  dilation?: Size;
}

/** One size for each of `n` dimensions, from a number or a list; `lowest` is the smallest value allowed. */
export function sizes(name: string, argument: string, value: Size, lowest: number, n: number): readonly number[] {
  const given = typeof value === 'number' ? [value] : value;
  const list = given.length === 1 ? new Array<number>(n).fill(given[0]) : given;
  if (list.length !== n || list.some((v) => !Number.isInteger(v) || v < lowest))
    throw new ValueError(
      `${name}: ${argument} is ${typeof value === 'number' ? value : show(value)}; expected a whole number of at least ${lowest}${n > 1 ? `, or ${n} of them` : ''}`,
    );
  return list;
}

/** A pair from a number or a pair; `lowest` is the smallest value allowed. */
export const pair = (name: string, argument: string, value: Size, lowest: number): readonly [number, number] =>
  sizes(name, argument, value, lowest, 2) as readonly [number, number];

/** Everything about a convolution but the batch: sizes of the input, the kernel, the output, and the steps. */
interface Geometry {
  readonly N: number;
  readonly Cin: number;
  readonly H: number;
  readonly W: number;
  readonly Cout: number;
  readonly KH: number;
  readonly KW: number;
  readonly S: readonly [number, number];
  readonly P: readonly [number, number];
  readonly D: readonly [number, number];
  readonly groups: number;
  readonly OH: number;
  readonly OW: number;
}

const xShape = (q: Geometry): Shape => [q.N, q.Cin, q.H, q.W];
const wShape = (q: Geometry): Shape => [q.Cout, q.Cin / q.groups, q.KH, q.KW];
const yShape = (q: Geometry): Shape => [q.N, q.Cout, q.OH, q.OW];

/** Encodes opcode 4, 5 or 6 with the workspace it asks for, and runs it. All tensors are contiguous. */
function runConv(name: string, opcode: 4 | 5 | 6, q: Geometry, x: Tensor, w: Tensor, y: Tensor, bias: Tensor | null): void {
  const write = (workspace: number, bytes: number): void => {
    I[0] = opcode;
    I[2] = dtypeCode[x.dtype];
    I[3] = q.N;
    I[4] = q.Cin;
    I[5] = q.H;
    I[6] = q.W;
    I[7] = q.Cout;
    I[8] = q.KH;
    I[9] = q.KW;
    I[10] = q.S[0];
    I[11] = q.S[1];
    I[12] = q.P[0];
    I[13] = q.P[1];
    I[14] = q.D[0];
    I[15] = q.D[1];
    I[16] = q.groups;
    I[17] = q.OH;
    I[18] = q.OW;
    I[19] = x.address;
    I[20] = w.address;
    I[21] = y.address;
    I[22] = bias === null ? 0 : bias.address;
    I[23] = 0;
    I[24] = workspace;
    I[25] = bytes;
  };
  write(0, 0);
  const bytes = convWorkspace(26);
  if (bytes <= 0) {
    run(name, 26);
    return;
  }
  const scratch = pool.allocate(bytes);
  scratch.retain();
  if (recording !== null) recording.allocated(scratch);
  try {
    write(scratch.address, bytes); // again: growing the memory renews the instruction buffer
    run(name, 26);
  } finally {
    scratch.release();
  }
}

/** y [N, Cout, OH, OW] of x and w. */
function forward(name: string, q: Geometry, x: Tensor, w: Tensor, bias: Tensor | null): Tensor {
  const y = empty(yShape(q), x.dtype);
  if (y.numel > 0) runConv(name, 4, q, dense(x), dense(w), y, bias === null ? null : dense(bias));
  const inputs = bias === null ? [x, w] : [x, w, bias];
  if (mustRecord(inputs)) {
    const none = inputs.map(() => null); // the closure must hold no tensor
    record(name, inputs, [y], [x, w], ([g], [x_, w_], node) => {
      if (g === null) return none;
      const gx = node.needs(0) ? inputGrad(name, q, g, w_) : null;
      const wantsBias = none.length > 2 && node.needs(2);
      if (wantsBias && node.needs(1) && !isGradEnabled() && q.N > 0) {
        // one instruction gives both
        const gw = empty(wShape(q), g.dtype);
        const gb = empty([q.Cout], g.dtype);
        if (gw.numel > 0 && g.numel > 0) {
          runConv(name, 6, q, dense(x_), gw, dense(g), gb);
          return [gx, gw, gb];
        }
      }
      const gw = node.needs(1) ? weightGrad(name, q, x_, g) : null;
      if (none.length === 2) return [gx, gw];
      return [gx, gw, wantsBias ? sum(g, { dim: [0, 2, 3] }) : null];
    });
  }
  return y;
}

/** The gradient of the input, [N, Cin, H, W], of the output's gradient g and w; also the transposed convolution. */
function inputGrad(name: string, q: Geometry, g: Tensor, w: Tensor): Tensor {
  const x = empty(xShape(q), g.dtype);
  if (x.numel > 0) {
    if (g.numel === 0 || w.numel === 0) fill(x, 0);
    else runConv(name, 5, q, x, dense(w), dense(g), null);
  }
  if (mustRecord([g, w])) {
    record(`${name}InputGrad`, [g, w], [x], [g, w], ([c], [g_, w_], node) => {
      if (c === null) return [null, null];
      return [node.needs(0) ? forward(name, q, c, w_, null) : null, node.needs(1) ? weightGrad(name, q, c, g_) : null];
    });
  }
  return x;
}

/** The gradient of the weight, [Cout, Cin/groups, KH, KW], of the input x and the output's gradient g. */
function weightGrad(name: string, q: Geometry, x: Tensor, g: Tensor): Tensor {
  const w = empty(wShape(q), g.dtype);
  if (w.numel > 0) {
    if (g.numel === 0 || x.numel === 0) fill(w, 0);
    else runConv(name, 6, q, dense(x), w, dense(g), null);
  }
  if (mustRecord([x, g])) {
    record(`${name}WeightGrad`, [x, g], [w], [x, g], ([c], [x_, g_], node) => {
      if (c === null) return [null, null];
      return [node.needs(0) ? inputGrad(name, q, g_, c) : null, node.needs(1) ? forward(name, q, x_, c, null) : null];
    });
  }
  return w;
}

/** Checks dimensions and dtypes of the operands of a convolution over `spatial` dimensions. */
export function checkOperands(name: string, x: Tensor, w: Tensor, bias: Tensor | null, spatial: number): void {
  const [letters, kernel] = [
    ['N, C, L', 'K'],
    ['N, C, H, W', 'KH, KW'],
    ['N, C, D, H, W', 'KD, KH, KW'],
  ][spatial - 1];
  if (x.ndim !== spatial + 2 && x.ndim !== spatial + 1)
    throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [${letters}], or without the batch dimension`);
  if (w.ndim !== spatial + 2) throw new ShapeError(`${name}: weight is ${show(w.shape)}; expected [Cout, Cin/groups, ${kernel}]`);
  if (x.dtype !== w.dtype || (bias !== null && bias.dtype !== x.dtype))
    throw new DTypeError(
      `${name}: x is ${x.dtype}, weight ${w.dtype}${bias === null ? '' : `, bias ${bias.dtype}`}; all must have one dtype, cast with .to('${x.dtype}')`,
    );
  if (x.dtype !== 'float32' && x.dtype !== 'float64')
    throw new DTypeError(`${name}: x is ${x.dtype}; convolutions need float32 or float64, cast with .to('float32')`);
}

function checkGroups(name: string, groups: number): void {
  if (!Number.isInteger(groups) || groups < 1) throw new ValueError(`${name}: groups is ${groups}; expected a whole number of at least 1`);
}

/**
 * Two-dimensional cross-correlation: x [N, Cin, H, W] (or [Cin, H, W]), weight [Cout, Cin/groups, KH, KW], bias [Cout] ->
 * [N, Cout, OH, OW] with OH = ⌊(H + 2 padding - dilation (KH - 1) - 1) / stride⌋ + 1. ShapeError when the channels or the window do not fit.
 */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  return convolution('conv2d', x, weight, bias, options);
}

function convolution(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions,
): Tensor {
  checkOperands(name, x, weight, bias, 2);
  checkGroups(name, groups);
  if (x.ndim === 3) return squeeze(convolution(name, unsqueeze(x, 0), weight, bias, { stride, padding, dilation, groups }), 0);
  const S = pair(name, 'stride', stride, 1);
  const D = pair(name, 'dilation', dilation, 1);
  const [N, Cin, H, W] = x.shape;
  const [Cout, Cw, KH, KW] = weight.shape;
  if (Cin % groups !== 0 || Cout % groups !== 0)
    throw new ShapeError(`${name}: groups ${groups} must divide the input channels (${Cin}) and the output channels (${Cout})`);
  if (Cw * groups !== Cin)
    throw new ShapeError(
      `${name}: x ${show(x.shape)} has ${Cin} channel(s), but weight ${show(weight.shape)} with groups ${groups} expects ${Cw * groups}`,
    );
  if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== Cout))
    throw new ShapeError(`${name}: bias is ${show(bias.shape)}; expected [${Cout}], one for each output channel`);
  if (KH < 1 || KW < 1) throw new ShapeError(`${name}: weight ${show(weight.shape)} has an empty window; its sizes must be at least 1`);
  let P: readonly [number, number];
  const cut: [number, number] = [0, 0];
  if (padding === 'same') {
    if (S[0] !== 1 || S[1] !== 1)
      throw new ValueError(`${name}: padding 'same' needs stride 1, got ${S[0]}, ${S[1]}; give the padding as numbers`);
    const total = [D[0] * (KH - 1), D[1] * (KW - 1)];
    // An odd total pads one more at the end: pad both sides by the larger half and drop the first row or column.
    P = [Math.ceil(total[0] / 2), Math.ceil(total[1] / 2)];
    cut[0] = total[0] % 2;
    cut[1] = total[1] % 2;
  } else if (padding === 'valid') P = [0, 0];
  else if (typeof padding === 'string')
    throw new ValueError(`${name}: padding '${String(padding)}' is unknown; use 'same', 'valid' or numbers`);
  else P = pair(name, 'padding', padding, 0);
  const OH = Math.floor((H + 2 * P[0] - D[0] * (KH - 1) - 1) / S[0]) + 1;
  const OW = Math.floor((W + 2 * P[1] - D[1] * (KW - 1) - 1) / S[1]) + 1;
  if (OH < 1 || OW < 1)
    throw new ShapeError(
      `${name}: the window ${D[0] * (KH - 1) + 1}×${D[1] * (KW - 1) + 1} is larger than the padded input ${H + 2 * P[0]}×${W + 2 * P[1]} (x ${show(x.shape)}); use a smaller kernel or more padding`,
    );
  let y = forward(name, { N, Cin, H, W, Cout, KH, KW, S, P, D, groups, OH, OW }, x, weight, bias);
  if (cut[0] === 1) y = narrow(y, 2, 1, OH - 1);
  if (cut[1] === 1) y = narrow(y, 3, 1, OW - 1);
  return y;
}

const single = (name: string, argument: string, v: Size): number =>
  sizes(name, argument, v, argument === 'stride' || argument === 'dilation' ? 1 : 0, 1)[0];

/** One-dimensional cross-correlation: x [N, Cin, L], weight [Cout, Cin/groups, K], bias [Cout] -> [N, Cout, OL]. */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions = {},
): Tensor {
  checkOperands('conv1d', x, weight, bias, 1);
  const flat: ConvOptions = {
    stride: [1, single('conv1d', 'stride', stride)],
    padding: typeof padding === 'string' ? padding : [0, single('conv1d', 'padding', padding)],
    dilation: [1, single('conv1d', 'dilation', dilation)],
    groups,
  };
  return squeeze(convolution('conv1d', unsqueeze(x, -2), unsqueeze(weight, 2), bias, flat), -2);
}

const addition: ElementwiseOp = { name: 'addBias', doc: 'a + b.', arity: 2, expr: add(input(0), input(1)), dtype: 'same' };

/**
 * Two-dimensional transposed convolution: x [N, Cin, H, W] (or [Cin, H, W]), weight [Cin, Cout/groups, KH, KW], bias [Cout] ->
 * [N, Cout, OH, OW] with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + outputPadding + 1.
 */
export function convTranspose2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor {
  return transposed('convTranspose2d', x, weight, bias, options);
}

function transposed(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 }: ConvTransposeOptions,
): Tensor {
  checkOperands(name, x, weight, bias, 2);
  checkGroups(name, groups);
  if (x.ndim === 3)
    return squeeze(transposed(name, unsqueeze(x, 0), weight, bias, { stride, padding, outputPadding, groups, dilation }), 0);
  const S = pair(name, 'stride', stride, 1);
  const P = pair(name, 'padding', padding, 0);
  const D = pair(name, 'dilation', dilation, 1);
  const extra = pair(name, 'outputPadding', outputPadding, 0);
  const [N, Cin, H, W] = x.shape;
  const [Cw, perGroup, KH, KW] = weight.shape;
  if (Cw !== Cin)
    throw new ShapeError(
      `${name}: x ${show(x.shape)} has ${Cin} channel(s), but weight ${show(weight.shape)} expects ${Cw}; its first dimension counts input channels`,
    );
  if (Cin % groups !== 0) throw new ShapeError(`${name}: groups ${groups} must divide the input channels (${Cin})`);
  for (const d of [0, 1])
    if (extra[d] >= Math.max(S[d], D[d]))
      throw new ValueError(`${name}: outputPadding ${extra[d]} must be smaller than the stride (${S[d]}) or the dilation (${D[d]})`);
  const Cout = perGroup * groups;
  if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== Cout))
    throw new ShapeError(`${name}: bias is ${show(bias.shape)}; expected [${Cout}], one for each output channel`);
  const OH = (H - 1) * S[0] - 2 * P[0] + D[0] * (KH - 1) + extra[0] + 1;
  const OW = (W - 1) * S[1] - 2 * P[1] + D[1] * (KW - 1) + extra[1] + 1;
  if (OH < 1 || OW < 1) throw new ShapeError(`${name}: the output would be ${OH}×${OW} for x ${show(x.shape)}; use less padding`);
  // The mirror image of the convolution that maps the output's shape to x's shape.
  const q: Geometry = { N, Cin: Cout, H: OH, W: OW, Cout: Cin, KH, KW, S, P, D, groups, OH: H, OW: W };
  const y = inputGrad(name, q, x, weight);
  return bias === null ? y : apply(addition, [y, reshape(bias, [Cout, 1, 1])]);
}

/** One-dimensional transposed convolution: x [N, Cin, L], weight [Cin, Cout/groups, K], bias [Cout] -> [N, Cout, OL]. */
export function convTranspose1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor {
  const { stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 } = options;
  const name = 'convTranspose1d';
  checkOperands(name, x, weight, bias, 1);
  return squeeze(
    transposed(name, unsqueeze(x, -2), unsqueeze(weight, 2), bias, {
      stride: [1, single(name, 'stride', stride)],
      padding: [0, single(name, 'padding', padding)],
      outputPadding: [0, single(name, 'outputPadding', outputPadding)],
      dilation: [1, single(name, 'dilation', dilation)],
      groups,
    }),
    -2,
  );
}
