// The face of the data package: data sets, loaders, files with checksums, archives, image transforms and Fashion-MNIST.

import '../tensor/methods.ts';
import '../autograd/setup.ts';

export { type ArchiveFile, type ArchiveOptions, type ExtractOptions, extractArchive, openArchive } from './archive.ts';
export type { Checksums } from './checksum.ts';
export { type Collated, defaultCollate } from './collate.ts';
export { type BatchedDataset, type Dataset, type IterableDataset, Subset, TensorDataset, type TensorsOf } from './dataset.ts';
export { ConcatDataset, randomSplit, StackDataset, type Stacked } from './dataset-combine.ts';
export { DataError, type DataErrorKind } from './errors.ts';
export { type FashionMnist, type FashionMnistOptions, fashionMnistFiles, loadFashionMnist } from './fashion-mnist.ts';
export { fashionLabels, fashionStandIn, type StandInOptions } from './fashion-standin.ts';
export { type DataFile, type DownloadProgress, type ResolvedFile, type ResolveOptions, resolveFile } from './fetch.ts';
export { gunzip } from './gzip.ts';
export { type IdxArray, parseIdx } from './idx.ts';
export { DataLoader, type LoaderOptions } from './loader.ts';
export {
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './samplers.ts';
export { type Interpolation, type ResizeOptions, resize, toTensor, toUnit } from './transforms.ts';
export { WorkerDataset, workerDataset } from './worker-dataset.ts';
