// The face of the modules: layers, containers, losses, initialisers and the functions behind them.

export * from './activation.ts';
export { type AttendOptions, MultiheadAttention, type MultiheadAttentionOptions } from './attention.ts';
export type { FullBackwardHook, FullBackwardPreHook, Gradients } from './backward-hooks.ts';
export { type ClipNormOptions, clipGradNorm_, clipGradValue_, getTotalNorm } from './clip.ts';
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from './containers.ts';

export * from './conv.ts';
export * from './distance.ts';
export * from './dropout-layers.ts';
export * from './embedding.ts';
export * as functional from './functional.ts';
export * as init from './initializers.ts';
export {
  ChannelShuffle,
  Flatten,
  Fold,
  Identity,
  PixelShuffle,
  PixelUnshuffle,
  Unflatten,
  Unfold,
  Upsample,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './layout.ts';
export { Bilinear, LazyLinear, Linear, type LinearOptions } from './linear.ts';
export * from './losses.ts';
export { type AnyModule, type ForwardHook, type ForwardPreHook, type LoadResult, Module, type StateDict } from './module.ts';
export * from './norm.ts';
export * from './padding.ts';
export { isLazy, Parameter, UninitializedParameter } from './parameter.ts';
export * from './pooling.ts';
export { GRU, LSTM, type LSTMOptions, type RecurrentOptions, RNN, type RNNOptions } from './recurrent.ts';
export { type CellOptions, GRUCell, LSTMCell, RNNCell } from './recurrent-cells.ts';
export { type LayerRow, LayerSummary } from './summary.ts';
export * from './transformer.ts';
export { markTransparent } from './transparent.ts';
export { parametersToVector, vectorToParameters } from './vector.ts';
