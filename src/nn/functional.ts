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
export { type ConvOptions, type ConvTransposeOptions, conv1d, conv2d, convTranspose1d, convTranspose2d, type Size } from '../ops/conv.ts';
export * from '../ops/loss.ts';
export { linear } from '../ops/matmul.ts';
export {
  type AffineOptions,
  type BatchNormOptions,
  batchNorm,
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
  layerNorm,
  rmsNorm,
} from '../ops/norm.ts';
export {
  type AdaptiveSize,
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
} from '../ops/pool.ts';
export { logSoftmax, type SoftmaxOptions, softmax, softmin } from '../ops/softmax.ts';
export { dropout } from './dropout.ts';
