// Samples of operations that are no plain elementwise rows: inputs whose shapes matter, at points where the operation is smooth. Tests of
// derivatives, layouts and leaks walk this table.

import * as ft from '../../src/index.ts';
import * as F from '../../src/nn/functional.ts';
import * as nn from '../../src/nn/index.ts';

/** Different numbers without ties, from -1 to 1; the same for the same shape and seed. */
export function spread(shape: readonly number[], seed = 0): ft.Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, (_, i) => (((i * 7919 + seed * 104729 + 1) % 10007) / 10007) * 2 - 1);
  return ft.fromTyped(values, shape);
}
/** The same from 0.2 to 1.2. */
export const positive = (shape: readonly number[], seed = 0): ft.Tensor => spread(shape, seed).mul(0.5).add(0.7);

export interface Sample {
  readonly name: string;
  readonly fn: (...xs: ft.Tensor[]) => ft.Tensor | readonly ft.Tensor[];
  /** Shapes of the inputs, or the inputs. */
  readonly inputs: readonly (readonly number[] | ft.Tensor)[];
  /** The second derivative is not defined or not offered. */
  readonly once?: boolean;
}

const s = (name: string, fn: Sample['fn'], ...inputs: Sample['inputs']): Sample => ({ name, fn, inputs });
const int = (values: ft.TensorData): ft.Tensor => ft.tensor(values, { dtype: 'int64' });

export const views: Sample[] = [
  s('reshape', (x) => ft.reshape(x, [3, -1]), [2, 6]),
  s('view', (x) => ft.view(x, [4, 3]), [12]),
  s('permute', (x) => ft.permute(x, [2, 0, 1]), [2, 3, 2]),
  s('transpose', (x) => ft.transpose(x, 0, 1), [2, 3]),
  s('expand', (x) => ft.expand(x, [2, 3, 4]), [3, 1]),
  s('unsqueeze', (x) => ft.unsqueeze(x, 1), [2, 3]),
  s('squeeze', (x) => ft.squeeze(x, 1), [2, 1, 3]),
  s('slice', (x) => ft.slice(x, 1, 1, 6, 2), [2, 7]),
  s('select', (x) => ft.select(x, -1, 1), [2, 3]),
  s('narrow', (x) => ft.narrow(x, 0, 1, 2), [4, 2]),
  s('diagonal', (x) => ft.diagonal(x, { offset: 1 }), [3, 4]),
  s('asStrided', (x) => ft.asStrided(x, [3, 2], [1, 1], 1), [6]),
  s('flatten', (x) => ft.flatten(x, 1), [2, 2, 3]),
  s('unflatten', (x) => ft.unflatten(x, 1, [2, -1]), [2, 6]),
  s('movedim', (x) => ft.movedim(x, 0, -1), [2, 3, 2]),
  s('contiguous', (x) => ft.contiguous(x.T), [2, 3]),
  s('unfold', (x) => x.unfold(0, 3, 2), [7]),
  s('index: positions and slices', (x) => x.index([1, '::2', null]), [3, 5]),
  s('split', (x) => ft.split(x, 2, 1), [2, 5]),
  s('chunk', (x) => ft.chunk(x, 2), [5, 2]),
  s('unbind', (x) => ft.unbind(x), [3, 2]),
];

export const copies: Sample[] = [
  s('clone', (x) => ft.clone(x), [2, 3]),
  s('to', (x) => ft.to(ft.to(x, 'float64', { copy: true }), 'float64'), [2, 3]),
  s('flip', (x) => ft.flip(x, [0, 1]), [2, 3]),
  s('roll', (x) => ft.roll(x, 1, { dims: 1 }), [2, 3]),
  s('repeat', (x) => x.repeat([2, 3]), [2, 2]),
  s('repeatInterleave', (x) => ft.repeatInterleave(x, 2, { dim: 1 }), [2, 2]),
  s('cat', (x, y) => ft.cat([x, y], 1), [2, 2], [2, 3]),
  s('stack', (x, y) => ft.stack([x, y], 1), [2, 2], [2, 2]),
  s('pad: constant', (x) => F.pad(x, [1, 2, 0, 1]), [2, 3]),
  s('pad: negative', (x) => F.pad(x, [-1, 1]), [2, 4]),
  s('pad: reflect', (x) => F.pad(x, [1, 2], { mode: 'reflect' }), [1, 2, 4]),
  s('pad: replicate', (x) => F.pad(x, [1, 2], { mode: 'replicate' }), [1, 2, 4]),
  s('pad: circular', (x) => F.pad(x, [1, 2], { mode: 'circular' }), [1, 2, 4]),
  s('tril', (x) => ft.tril(x), [3, 3]),
  s('triu', (x) => ft.triu(x, { diagonal: 1 }), [3, 4]),
  s('diag', (x) => ft.diag(x), [3]),
  s('diagEmbed', (x) => ft.diagEmbed(x), [2, 3]),
];

export const gathers: Sample[] = [
  s(
    'gather',
    (x) =>
      ft.gather(
        x,
        1,
        int([
          [0, 2, 2],
          [1, 0, 1],
        ]),
      ),
    [2, 3],
  ),
  s(
    'scatter',
    (x, y) =>
      ft.scatter(
        x,
        1,
        int([
          [0, 2],
          [1, 0],
        ]),
        y,
      ),
    [2, 3],
    [2, 2],
  ),
  s(
    'scatterAdd',
    (x, y) =>
      ft.scatterAdd(
        x,
        1,
        int([
          [0, 0],
          [1, 0],
        ]),
        y,
      ),
    [2, 3],
    [2, 2],
  ),
  s('indexSelect', (x) => ft.indexSelect(x, 0, int([2, 0, 2])), [3, 2]),
  s('indexAdd', (x, y) => ft.indexAdd(x, 0, int([2, 0, 2]), y), [3, 2], [3, 2]),
  s('indexCopy', (x, y) => ft.indexCopy(x, 0, int([2, 0]), y), [3, 2], [2, 2]),
  s('indexFill', (x) => ft.indexFill(x, 0, int([1]), 3), [3, 2]),
  s('take', (x) => ft.take(x, int([5, 0, 0])), [2, 3]),
  s('takeAlongDim', (x) => ft.takeAlongDim(x, int([[1], [0]]), { dim: 1 }), [2, 3]),
  s('put', (x, y) => ft.put(x, int([5, 0]), y), [2, 3], [2]),
  s(
    'maskedSelect',
    (x) =>
      ft.maskedSelect(
        x,
        ft.tensor([
          [true, false, true],
          [false, true, true],
        ]),
      ),
    [2, 3],
  ),
  s('maskedFill', (x) => x.maskedFill(ft.tensor([true, false, true]), 2), [2, 3]),
  s('maskedScatter', (x, y) => ft.maskedScatter(x, ft.tensor([true, false, true]), y), [2, 3], [4]),
  s('index: tensors', (x) => x.index([int([0, 2, 0]), int([1, 1, 1])]), [3, 2]),
  s('index: mask', (x) => x.index([ft.tensor([true, false, true])]), [3, 2]),
  s('indexPut', (x, y) => ft.indexPut(x, [int([0, 2])], y), [3, 2], [2, 2]),
  s('indexPut: accumulate', (x, y) => ft.indexPut(x, [int([0, 0])], y, { accumulate: true }), [3, 2], [2, 2]),
  s(
    'embedding',
    (w) =>
      F.embedding(
        int([
          [0, 2],
          [2, 1],
        ]),
        w,
      ),
    [3, 2],
  ),
];

export const reductions: Sample[] = [
  s('sum', (x) => ft.sum(x, { dim: [0, 2], keepdim: true }), [2, 3, 2]),
  s('mean', (x) => ft.mean(x, { dim: 1 }), [2, 3]),
  s('prod', (x) => ft.prod(x, { dim: 1 }), [2, 3]),
  s(
    'prod: with a zero',
    (x) => ft.prod(x, { dim: 1 }),
    ft.tensor(
      [
        [0.5, 0, 0.3],
        [0.2, 0.7, -0.4],
      ],
      { dtype: 'float64' },
    ),
  ),
  s('amax', (x) => ft.amax(x, { dim: 1 }), [2, 4]),
  s('amin', (x) => ft.amin(x, { dim: 0 }), [3, 2]),
  s('max', (x) => ft.max(x, 1).values, [2, 4]),
  s('logsumexp', (x) => ft.logsumexp(x, 1), [2, 3]),
  s('nansum', (x) => ft.nansum(x, { dim: 0 }), [2, 3]),
  s('std', (x) => ft.std(x, { dim: 1 }), [2, 4]),
  s('var', (x) => ft.var(x, { dim: 0, correction: 0 }), [3, 2]),
  s('norm', (x) => ft.norm(x), [2, 3]),
  s('vectorNorm: 3', (x) => ft.linalg.vectorNorm(x, { ord: 3, dim: 1 }), positive([2, 3])),
  s('vectorNorm: inf', (x) => ft.linalg.vectorNorm(x, { ord: Infinity, dim: 1 }), [2, 3]),
  s('cumsum', (x) => ft.cumsum(x, 1), [2, 4]),
  s('cumprod', (x) => ft.cumprod(x, 1), positive([2, 4])),
  s('cummax', (x) => ft.cummax(x, 0).values, [4, 2]),
  s('logcumsumexp', (x) => ft.logcumsumexp(x, 1), [2, 4]),
  s('trace', (x) => ft.trace(x), [3, 3]),
  s('sort', (x) => ft.sort(x).values, [2, 4]),
  s('topk', (x) => ft.topk(x, 2).values, [2, 4]),
  s('kthvalue', (x) => ft.kthvalue(x, 2).values, [2, 4]),
  s('median', (x) => ft.median(x, { dim: 1 }).values, [2, 5]),
  s('quantile', (x) => ft.quantile(x, 0.3, { dim: 1 }), [2, 5]),
  s('diff', (x) => ft.diff(x), [2, 4]),
];

export const products: Sample[] = [
  s('matmul: matrices', (a, b) => ft.matmul(a, b), [2, 3], [3, 4]),
  s('matmul: broadcast batch', (a, b) => ft.matmul(a, b), [2, 1, 2, 3], [4, 3, 2]),
  s('matmul: vector', (a, b) => ft.matmul(a, b), [2, 3], [3]),
  s('mm', (a, b) => ft.mm(a, b), [2, 3], [3, 2]),
  s('bmm', (a, b) => ft.bmm(a, b), [2, 2, 3], [2, 3, 2]),
  s('mv', (a, b) => ft.mv(a, b), [2, 3], [3]),
  s('dot', (a, b) => ft.dot(a, b), [3], [3]),
  s('outer', (a, b) => ft.outer(a, b), [2], [3]),
  s('addmm', (c, a, b) => ft.addmm(c, a, b, { beta: 0.5, alpha: 2 }), [2], [3, 2], [2, 2]),
  s('baddbmm', (c, a, b) => ft.baddbmm(c, a, b), [2, 2, 2], [2, 2, 3], [2, 3, 2]),
  s('linear', (x, w, b) => F.linear(x, w, b), [2, 2, 3], [4, 3], [4]),
  s('bilinear', (x, y, w) => F.bilinear(x, y, w), [2, 2], [2, 3], [2, 2, 3]),
];

export const networks: Sample[] = [
  s('softmax', (x) => ft.softmax(x, 1), [2, 3]),
  s('logSoftmax', (x) => ft.logSoftmax(x, 0), [3, 2]),
  s('glu', (x) => F.glu(x), [2, 4]),
  s('conv1d', (x, w, b) => F.conv1d(x, w, b, { padding: 1, stride: 2 }), [1, 2, 5], [2, 2, 3], [2]),
  s('conv2d', (x, w, b) => F.conv2d(x, w, b, { padding: 1 }), [1, 2, 4, 3], [2, 2, 3, 2], [2]),
  s('conv2d: groups and dilation', (x, w) => F.conv2d(x, w, null, { groups: 2, dilation: 2 }), [1, 2, 5, 5], [2, 1, 2, 2]),
  s('convTranspose2d', (x, w) => F.convTranspose2d(x, w, null, { stride: 2 }), [1, 2, 2, 2], [2, 1, 2, 2]),
  s('conv3d', (x, w) => F.conv3d(x, w), [1, 1, 3, 3, 3], [1, 1, 2, 2, 2]),
  s('maxPool2d', (x) => F.maxPool2d(x, 2), [1, 2, 4, 4]),
  s('avgPool2d', (x) => F.avgPool2d(x, 2, { padding: 1 }), [1, 1, 4, 4]),
  s('adaptiveAvgPool2d', (x) => F.adaptiveAvgPool2d(x, [2, 2]), [1, 1, 5, 3]),
  s('adaptiveMaxPool2d', (x) => F.adaptiveMaxPool2d(x, [2, 2]), [1, 1, 5, 3]),
  s('lpPool2d', (x) => F.lpPool2d(x, 2, 2), positive([1, 1, 4, 4])),
  s('interpolate: bilinear', (x) => F.interpolate(x, { size: [3, 5], mode: 'bilinear' }), [1, 1, 2, 3]),
  s('pixelShuffle', (x) => F.pixelShuffle(x, 2), [1, 4, 2, 2]),
  s('unfold of images', (x) => F.unfold(x, 2), [1, 1, 3, 3]),
  s('fold', (x) => F.fold(x, [3, 3], 2), [1, 4, 4]),
  s(
    'gridSample',
    (x, g) => F.gridSample(x, g, { alignCorners: true }),
    [1, 1, 3, 3],
    ft.tensor(
      [
        [
          [
            [0.31, -0.42],
            [-0.57, 0.13],
          ],
        ],
      ],
      { dtype: 'float64' },
    ),
  ),
  s('layerNorm', (x, w, b) => F.layerNorm(x, [3], { weight: w, bias: b }), [2, 3], [3], [3]),
  s('groupNorm', (x) => F.groupNorm(x, 2), [2, 4, 2]),
  s('rmsNorm', (x) => F.rmsNorm(x, [3]), [2, 3]),
  s('normalize', (x) => F.normalize(x), [2, 3]),
  s('cosineSimilarity', (x, y) => F.cosineSimilarity(x, y), [2, 3], [2, 3]),
];

const labels = int([2, 0]);
export const losses: Sample[] = [
  s('mseLoss', (x, y) => F.mseLoss(x, y), [2, 3], [2, 3]),
  s('l1Loss', (x) => F.l1Loss(x, spread([2, 3], 5)), [2, 3]),
  s('smoothL1Loss', (x) => F.smoothL1Loss(x, spread([2, 3], 5)), [2, 3]),
  s('huberLoss', (x) => F.huberLoss(x, spread([2, 3], 5), { delta: 0.5 }), [2, 3]),
  s('crossEntropy', (x) => F.crossEntropy(x, labels, { labelSmoothing: 0.1 }), [2, 3]),
  s('crossEntropy: probabilities', (x, p) => F.crossEntropy(x, p), [2, 3], positive([2, 3])),
  s('nllLoss', (x) => F.nllLoss(x, labels), [2, 3]),
  s(
    'binaryCrossEntropy',
    (x) => F.binaryCrossEntropy(x, ft.tensor([0, 1, 1], { dtype: 'float64' })),
    ft.tensor([0.2, 0.6, 0.9], { dtype: 'float64' }),
  ),
  s('binaryCrossEntropyWithLogits', (x) => F.binaryCrossEntropyWithLogits(x, ft.tensor([0, 1, 1], { dtype: 'float64' })), [3]),
  s('klDiv', (x) => F.klDiv(x, positive([2, 3]), { reduction: 'batchmean' }), [2, 3]),
  s('gaussianNllLoss', (x, v) => F.gaussianNllLoss(x, spread([2, 3], 5), v), [2, 3], positive([2, 3])),
  s('poissonNllLoss', (x) => F.poissonNllLoss(x, positive([2, 3])), [2, 3]),
  s('hingeEmbeddingLoss', (x) => F.hingeEmbeddingLoss(x, ft.tensor([1, -1, 1], { dtype: 'float64' })), [2, 3]),
  s('softMarginLoss', (x) => F.softMarginLoss(x, ft.tensor([1, -1, 1], { dtype: 'float64' })), [2, 3]),
  s('cosineEmbeddingLoss', (x, y) => F.cosineEmbeddingLoss(x, y, ft.tensor([1, -1], { dtype: 'float64' })), [2, 3], [2, 3]),
  s('tripletMarginLoss', (a, p, n) => F.tripletMarginLoss(a, p, n), [2, 3], [2, 3], [2, 3]),
];

/** Symmetric positive definite from any square matrix. */
const definite = (a: ft.Tensor): ft.Tensor => a.matmul(a.mT).add(ft.eye(a.shape[a.ndim - 1], { dtype: 'float64' }));
const symmetric = (a: ft.Tensor): ft.Tensor => a.add(a.mT);
const square = ft.tensor(
  [
    [1.3, 0.2, -0.4],
    [0.1, -0.9, 0.3],
    [0.5, 0.25, 2.1],
  ],
  { dtype: 'float64' },
);
export const algebra: Sample[] = [
  s('inv', (a) => ft.linalg.inv(a), square),
  s('det', (a) => ft.linalg.det(a), square),
  s('slogdet', (a) => ft.linalg.slogdet(a).logabsdet, square),
  s('solve', (a, b) => ft.linalg.solve(a, b), square, [3, 2]),
  s('solveTriangular', (a, b) => ft.linalg.solveTriangular(ft.triu(a), b, { upper: true }), square, [3, 2]),
  s('cholesky', (a) => ft.linalg.cholesky(definite(a)), square),
  s('eigh', (a) => ft.linalg.eigh(symmetric(a)).eigenvalues, square),
  s('eigh: vectors up to sign', (a) => ft.linalg.eigh(symmetric(a)).eigenvectors.abs(), square),
  s('qr', (a) => Object.values(ft.linalg.qr(a)), square),
  s('svdvals', (a) => ft.linalg.svdvals(a), [2, 3]),
  s('pinv', (a) => ft.linalg.pinv(a), [3, 2]),
  s('lstsq', (a, b) => ft.linalg.lstsq(a, b).solution, [4, 2], [4, 1]),
  s('matrixPower', (a) => ft.linalg.matrixPower(a, 3), square),
  s('matrixExp', (a) => ft.linalg.matrixExp(a), square),
  s('matrixNorm: nuclear', (a) => ft.linalg.matrixNorm(a, { ord: 'nuc' }), square),
  s('multiDot', (a, b, c) => ft.linalg.multiDot([a, b, c]), [2, 3], [3, 4], [4, 2]),
  s('cross', (a, b) => ft.linalg.cross(a, b), [2, 3], [2, 3]),
  s('einsum', (a, b) => ft.einsum('bij,bjk->ik', a, b), [2, 2, 3], [2, 3, 2]),
  s('tensordot', (a, b) => ft.tensordot(a, b, { dims: 1 }), [2, 3], [3, 2]),
  s('kron', (a, b) => ft.kron(a, b), [2, 2], [1, 3]),
];

/** A recurrent layer as a function of its input. */
const recurrent = (layer: nn.RNN | nn.GRU | nn.LSTM): Sample => s(layer.constructor.name, (x) => (layer as nn.GRU)(x)[0], [3, 1, 2]);
export const sequences: Sample[] = [
  s('scaledDotProductAttention', (q, k, v) => F.scaledDotProductAttention(q, k, v), [1, 2, 3], [1, 3, 3], [1, 3, 2]),
  s(
    'scaledDotProductAttention: causal',
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
    [1, 3, 2],
    [1, 3, 2],
    [1, 3, 2],
  ),
  { ...s('ctcLoss', (x) => F.ctcLoss(ft.logSoftmax(x, 2), int([[1, 2]]), [4], [2]), [4, 1, 3]), once: true },
  s('multiMarginLoss', (x) => F.multiMarginLoss(x, labels, { p: 2 }), [2, 3]),
  s('cdist', (x, y) => F.cdist(x, y), [2, 3], [3, 3]),
  ...[new nn.RNN(2, 2), new nn.GRU(2, 2), new nn.LSTM(2, 2)].map((layer) => recurrent(layer.to('float64'))),
];

export const structural: Sample[] = [
  ...views,
  ...copies,
  ...gathers,
  ...reductions,
  ...products,
  ...networks,
  ...losses,
  ...algebra,
  ...sequences,
];

/** The inputs of a sample, new each time; every one differs. */
export const inputsOf = ({ inputs }: Sample): ft.Tensor[] =>
  inputs.map((x, i) => (x instanceof ft.Tensor ? ft.clone(x) : spread(x, i + 1)));
