// Convolution over three spatial dimensions, as two-dimensional convolution: the taps along the depth become channels.

import { ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ConvOptions, type ConvTransposeOptions, checkOperands, conv2d, convTranspose2d, sizes } from './conv.ts';
import { add } from './elementwise.ts';
import { windowPositions } from './fold.ts';
import { indexAddZeros, indexSelect } from './gather.ts';
import { pad } from './pad.ts';
import { narrow, permute, reshape, squeeze, unsqueeze } from './view.ts';

/**
 * Three-dimensional cross-correlation: x [N, Cin, D, H, W] (or [Cin, D, H, W]), weight [Cout, Cin/groups, KD, KH, KW], bias [Cout] ->
 * [N, Cout, OD, OH, OW]. ShapeError when the channels or the window do not fit.
 */
export function conv3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  return composed(() => {
    const name = 'conv3d';
    checkOperands(name, x, weight, bias, 3);
    if (x.ndim === 4) return squeeze(conv3d(unsqueeze(x, 0), weight, bias, options), 0);
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    const S = sizes(name, 'stride', stride, 1, 3);
    const D = sizes(name, 'dilation', dilation, 1, 3);
    const [N, Cin, depth, H, W] = x.shape;
    const [Cout, Cw, KD, KH, KW] = weight.shape;
    if (Cw * groups !== Cin || Cout % groups !== 0)
      throw new ShapeError(
        `${name}: x ${show(x.shape)} and weight ${show(weight.shape)} with groups ${groups} do not fit; weight must be [Cout, Cin/groups, KD, KH, KW]`,
      );
    let before = 0;
    let after = 0;
    let plane: ConvOptions['padding'];
    if (padding === 'same' || padding === 'valid') {
      plane = padding;
      if (padding === 'same') {
        if (S.some((v) => v !== 1))
          throw new ValueError(`${name}: padding 'same' needs stride 1, got ${show(S)}; give the padding as numbers`);
        const total = D[0] * (KD - 1);
        before = Math.floor(total / 2);
        after = total - before;
      }
    } else if (typeof padding === 'string')
      throw new ValueError(`${name}: padding '${String(padding)}' is unknown; use 'same', 'valid' or numbers`);
    else {
      const P = sizes(name, 'padding', padding, 0, 3);
      before = after = P[0];
      plane = P.slice(1);
    }
    const OD = Math.floor((depth + before + after - D[0] * (KD - 1) - 1) / S[0]) + 1;
    if (KD < 1 || OD < 1)
      throw new ShapeError(
        `${name}: the window's depth ${D[0] * (KD - 1) + 1} does not fit the padded depth ${depth + before + after} (x ${show(x.shape)})`,
      );
    const deep = before + after === 0 ? x : pad(x, [0, 0, 0, 0, before, after]);
    const taps = indexSelect(deep, 2, windowPositions(KD, OD, S[0], D[0])); // [N, Cin, KD OD, H, W]
    const slices = permute(reshape(taps, [N, Cin, KD, OD, H, W]), [0, 3, 1, 2, 4, 5]);
    const y = conv2d(reshape(slices, [N * OD, Cin * KD, H, W]), reshape(weight, [Cout, Cw * KD, KH, KW]), bias, {
      stride: S.slice(1),
      padding: plane,
      dilation: D.slice(1),
      groups,
    });
    const [, , OH, OW] = y.shape;
    return permute(reshape(y, [N, OD, Cout, OH, OW]), [0, 2, 1, 3, 4]);
  });
}

/**
 * Three-dimensional transposed convolution: x [N, Cin, D, H, W] (or [Cin, D, H, W]), weight [Cin, Cout/groups, KD, KH, KW], bias [Cout] ->
 * [N, Cout, OD, OH, OW] with OD = (D - 1) stride - 2 padding + dilation (KD - 1) + outputPadding + 1, and so on.
 */
export function convTranspose3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor {
  return composed(() => {
    const name = 'convTranspose3d';
    checkOperands(name, x, weight, bias, 3);
    if (x.ndim === 4) return squeeze(convTranspose3d(unsqueeze(x, 0), weight, bias, options), 0);
    const { stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 } = options;
    const S = sizes(name, 'stride', stride, 1, 3);
    const P = sizes(name, 'padding', padding, 0, 3);
    const D = sizes(name, 'dilation', dilation, 1, 3);
    const extra = sizes(name, 'outputPadding', outputPadding, 0, 3);
    const [N, Cin, depth, H, W] = x.shape;
    const [Cw, perGroup, KD, KH, KW] = weight.shape;
    if (Cw !== Cin)
      throw new ShapeError(`${name}: x ${show(x.shape)} has ${Cin} channel(s), but weight ${show(weight.shape)} expects ${Cw}`);
    if (extra[0] >= Math.max(S[0], D[0]))
      throw new ValueError(`${name}: outputPadding ${extra[0]} must be smaller than the stride (${S[0]}) or the dilation (${D[0]})`);
    const OD = (depth - 1) * S[0] - 2 * P[0] + D[0] * (KD - 1) + extra[0] + 1;
    if (OD < 1) throw new ShapeError(`${name}: the output's depth would be ${OD} for x ${show(x.shape)}; use less padding`);
    const Cout = perGroup * groups;
    if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== Cout))
      throw new ShapeError(`${name}: bias is ${show(bias.shape)}; expected [${Cout}], one for each output channel`);
    const slices = reshape(permute(x, [0, 2, 1, 3, 4]), [N * depth, Cin, H, W]);
    const y = convTranspose2d(slices, reshape(weight, [Cin, perGroup * KD, KH, KW]), null, {
      stride: S.slice(1),
      padding: P.slice(1),
      outputPadding: extra.slice(1),
      dilation: D.slice(1),
      groups,
    });
    const [, , OH, OW] = y.shape;
    // every slice lands on KD slices of the result
    const taps = reshape(permute(reshape(y, [N, depth, Cout, KD, OH, OW]), [0, 2, 3, 1, 4, 5]), [N, Cout, KD * depth, OH, OW]);
    const full = Math.max((depth - 1) * S[0] + D[0] * (KD - 1) + 1, P[0] + OD);
    const placed = indexAddZeros(taps, [N, Cout, full, OH, OW], 2, windowPositions(KD, depth, S[0], D[0]));
    const cut = narrow(placed, 2, P[0], OD);
    return bias === null ? cut : add(cut, reshape(bias, [Cout, 1, 1, 1]));
  });
}
