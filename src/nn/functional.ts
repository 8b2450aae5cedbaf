// The functions behind the layers, for use without modules.

export { gelu, leakyRelu, relu, sigmoid, tanh } from '../ops/activations.ts';
export { conv1d, conv2d, type ConvOptions, convTranspose1d, convTranspose2d, type ConvTransposeOptions, type Size } from '../ops/conv.ts';
export * from '../ops/loss.ts';
export { linear } from '../ops/matmul.ts';
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  type AdaptiveSize,
  avgPool1d,
  avgPool2d,
  type AvgPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
  type MaxPoolOptions,
} from '../ops/pool.ts';
export { logSoftmax, softmax, softmin, type SoftmaxOptions } from '../ops/softmax.ts';
export { dropout } from './dropout.ts';
