// The face of input and output: files that are written whole; weights as safetensors, npy, npz and PyTorch's files; checkpoints.

import '../tensor/methods.ts';
import '../autograd/setup.ts';

export {
  type CheckpointContents,
  type CheckpointParts,
  type LoadedCheckpoint,
  loadCheckpoint,
  previousCheckpoint,
  type Stateful,
  saveCheckpoint,
} from './checkpoint.ts';
export { compiledFromBytes, compiledToBytes, loadCompiled, saveCompiled } from './compiled.ts';
export type { TensorsByName } from './entries.ts';
export { FormatError, LoadError, SaveError } from './errors.ts';
export { type FileContents, readFileBytes, type WriteOptions, writeFileAtomic } from './files.ts';
export {
  decodeNpy,
  decodeNpz,
  encodeNpy,
  loadNpy,
  loadNpz,
  type NpzOptions,
  saveNpy,
  saveNpz,
  tensorsFromNpz,
  tensorsToNpz,
} from './npy.ts';
export {
  type LoadedSafetensors,
  loadSafetensors,
  loadSafetensorsWithMetadata,
  saveSafetensors,
  tensorsFromSafetensors,
  tensorsToSafetensors,
} from './safetensors.ts';
export { type ArrayEntry, decodeSafetensors, encodeSafetensors, type Metadata } from './safetensors-format.ts';
export { decodeTorch, loadTorch, loadTorchWeights, type TorchValue, type TorchWeightsOptions } from './torch-read.ts';
export { encodeTorch, saveTorch, type TorchSavable } from './torch-write.ts';
export { saveTrace } from './trace.ts';
