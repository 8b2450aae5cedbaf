// The face of input and output: files that are written whole, and weights as safetensors.

import '../tensor/methods.ts';
import '../autograd/setup.ts';

export { FormatError, LoadError, SaveError } from './errors.ts';
export { type FileContents, readFileBytes, type WriteOptions, writeFileAtomic } from './files.ts';
export {
  type LoadedSafetensors,
  loadSafetensors,
  loadSafetensorsWithMetadata,
  saveSafetensors,
  type TensorsByName,
  tensorsFromSafetensors,
  tensorsToSafetensors,
} from './safetensors.ts';
export { type ArrayEntry, decodeSafetensors, encodeSafetensors, type Metadata } from './safetensors-format.ts';
