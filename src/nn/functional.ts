// The functions behind the layers, for use without modules.

export {
  celu,
  elu,
  gelu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logsigmoid,
  mish,
  prelu,
  type RReluOptions,
  relu,
  relu6,
  rrelu,
  selu,
  sigmoid,
  silu,
  softplus,
  softshrink,
  softsign,
  tanh,
  tanhshrink,
  threshold,
} from '../ops/activations.ts';
export { type AttentionOptions, scaledDotProductAttention } from '../ops/attention.ts';
export { bilinear } from '../ops/bilinear.ts';
export { type ConvOptions, type ConvTransposeOptions, conv1d, conv2d, convTranspose1d, convTranspose2d, type Size } from '../ops/conv.ts';
export { conv3d, convTranspose3d } from '../ops/conv3d.ts';
export { type CTCOptions, ctcLoss, type Lengths } from '../ops/ctc.ts';
export { cdist, cosineSimilarity, normalize, pairwiseDistance, pdist } from '../ops/distance.ts';
export { type EmbeddingBagOptions, type EmbeddingOptions, embedding, embeddingBag } from '../ops/embedding.ts';
export { fold, unfold, type WindowOptions } from '../ops/fold.ts';
export { affineGrid, type GridSampleOptions, gridSample } from '../ops/grid-sample.ts';
export { type InterpolateMode, type InterpolateOptions, interpolate, upsample } from '../ops/interpolate.ts';
export * from '../ops/loss.ts';
export { multilabelMarginLoss, multiMarginLoss, type TripletDistanceOptions, tripletMarginWithDistanceLoss } from '../ops/margin-loss.ts';
export { linear } from '../ops/matmul.ts';
export {
  type AffineOptions,
  type BatchNormOptions,
  batchNorm,
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  rmsNorm,
} from '../ops/norm.ts';
export { constantPadNd, oneHot, type PadMode, type PadOptions, pad } from '../ops/pad.ts';
export { channelShuffle, pixelShuffle, pixelUnshuffle } from '../ops/pixel.ts';
export {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
} from '../ops/pool.ts';
export {
  type AdaptiveSize,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
} from '../ops/pool-adaptive.ts';
export {
  avgPool3d,
  type FractionalPoolOptions,
  fractionalMaxPool2d,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3d,
  fractionalMaxPool3dWithIndices,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool3d,
  maxPool3dWithIndices,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  type UnpoolOptions,
} from '../ops/pool3d.ts';
export { logSoftmax, type SoftmaxOptions, softmax, softmin } from '../ops/softmax.ts';
export {
  alphaDropout,
  type DropoutOptions,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
  gumbelSoftmax,
} from './dropout.ts';
