// The functions behind the layers, for use without modules.

export { gelu, leakyRelu, relu, sigmoid, tanh } from '../ops/activations.ts';
export { type ConvOptions, type ConvTransposeOptions, conv1d, conv2d, convTranspose1d, convTranspose2d, type Size } from '../ops/conv.ts';
export * from '../ops/loss.ts';
export { linear } from '../ops/matmul.ts';
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
