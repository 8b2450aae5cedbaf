// The face of the package: tensors, their operations, automatic differentiation and the runtime.

import './tensor/methods.ts';
import './autograd/setup.ts';

export { detectAnomaly } from './autograd/anomaly.ts';
export { checkpoint } from './autograd/checkpoint.ts';
export { type BackwardOptions, backward, grad } from './autograd/engine.ts';
export { customFunction } from './autograd/function.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './autograd/mode.ts';
export { type Compiled, CompileError, type CompileOptions, compile, type Recorded } from './compile/index.ts';
export * as autograd from './func/autograd.ts';
export * as func from './func/index.ts';
export * as linalg from './linalg/index.ts';
export * from './linalg/top-level.ts';
export * from './ops/activations.ts';
export * from './ops/cast.ts';
export * from './ops/create.ts';
export * from './ops/create-more.ts';
export * from './ops/diagonal.ts';
export { cumulativeTrapezoid, type DiffOptions, diff, type GradientOptions, gradient, trapezoid, trapz } from './ops/differences.ts';
export { cdist, cosineSimilarity, pairwiseDistance, pdist } from './ops/distance.ts';
export * from './ops/elementwise.ts';
export { FloatScalar, float, type Scalar, type TensorLike } from './ops/elementwise-apply.ts';
export {
  gather,
  indexAdd,
  indexCopy,
  indexFill,
  indexSelect,
  put,
  scatter,
  scatterAdd,
  take,
  takeAlongDim,
} from './ops/gather.ts';
export { indexReduce, scatterReduce } from './ops/gather-reduce.ts';
export { at, type IndexPutOptions, index, indexPut, indexPut_, setIndex_ } from './ops/indexing.ts';
export { argwhere, maskedScatter, maskedSelect, nonzero } from './ops/indexing-masked.ts';
export type { Index, IndexItem, SliceSpec } from './ops/indexing-parse.ts';
export * from './ops/join.ts';
export * from './ops/matmul.ts';
export * from './ops/pad.ts';
export { bernoulli, binomial, multinomial, normal, poisson } from './ops/random.ts';
export * from './ops/read.ts';
export { all, amax, amin, any, argmax, argmin, mean, type ReduceOptions, sum, sumToShape } from './ops/reduce.ts';
export { aminmax, countNonzero, logsumexp, max, min, nanmean, nansum, prod } from './ops/reduce-more.ts';
export { renorm } from './ops/reduce-norm.ts';
export { cummax, cummin, cumprod, cumsum, logcumsumexp } from './ops/scan.ts';
export {
  bincount,
  bucketize,
  histc,
  histogram,
  isin,
  searchsorted,
  type UniqueOptions,
  type UniqueResult,
  unique,
  uniqueConsecutive,
  unravelIndex,
} from './ops/search.ts';
export * from './ops/shape-more.ts';
export * from './ops/softmax.ts';
export { argsort, kthvalue, median, msort, nanmedian, nanquantile, quantile, type SortOptions, sort, topk } from './ops/sort.ts';
export { corrcoef, cov, std, stdMean, type VarianceOptions, variance, variance as var, varMean } from './ops/variance.ts';
export {
  asStrided,
  clone,
  contiguous,
  detach,
  diagonal,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  select,
  slice,
  squeeze,
  transpose,
  unsqueeze,
  view,
} from './ops/view.ts';
export * from './ops/windows.ts';
export * from './runtime/errors.ts';
export { memory, pressureYield, resetPeakMemory, scope } from './runtime/memory.ts';
export type { MemoryInfo } from './runtime/pool.ts';
export { Profile, type ProfileEvent, type ProfileRow, profile } from './runtime/profiler.ts';
export { defaultGenerator, Generator, manualSeed } from './runtime/random.ts';
export { device, deviceNames, deviceReason, setDevice, setThreads, threads } from './runtime/runtime.ts';
export * as special from './special/index.ts';
export { canCast, type DType, promoteTypes } from './tensor/dtype.ts';
export { setPrintOptions } from './tensor/print.ts';
export { broadcastShapes, type Shape } from './tensor/shape.ts';
export { Tensor } from './tensor/tensor.ts';
