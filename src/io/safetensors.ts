// Saving and loading weights as safetensors files: the form that PyTorch, JAX and others read and write without running code.

import type { Tensor } from '../tensor/tensor.ts';
import { entryOf, listTensors, type TensorsByName, tensorOf } from './entries.ts';
import { withFile, writeFileAtomic } from './files.ts';
import {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  entryFromBytes,
  headerLength,
  type Metadata,
  parseHeader,
  safetensorsLayout,
} from './safetensors-format.ts';

/** Tensors read from a file, with its metadata. */
export interface LoadedSafetensors {
  tensors: Map<string, Tensor>;
  metadata: Metadata;
}

/**
 * Writes tensors to a safetensors file: a state dict, or any named tensors, with optional metadata (text by name). One tensor at a
 * time is copied to the host. Views are stored dense. Throws a FormatError for what the format cannot hold, and a SaveError when
 * the file cannot be written; then what was at `path` is as it was and no part of the new file remains.
 */
export async function saveSafetensors(
  path: string,
  tensors: TensorsByName,
  { metadata = {} }: { metadata?: Metadata } = {},
): Promise<void> {
  const entries = listTensors(tensors);
  const { head, order } = safetensorsLayout(entries, metadata);
  function* pieces(): Generator<Uint8Array> {
    yield head;
    for (const i of order) yield bytesOf(entryOf(entries[i][1]).data);
  }
  await writeFileAtomic(path, pieces());
}

/**
 * Reads the tensors of a safetensors file by name, in the order of its header. The header is checked against the size of the file
 * before anything is allocated. Throws a LoadError when the file cannot be read and a FormatError when it is not what it claims.
 */
export async function loadSafetensors(path: string): Promise<Map<string, Tensor>> {
  return (await loadSafetensorsWithMetadata(path)).tensors;
}

/** As loadSafetensors, together with the metadata. */
export async function loadSafetensorsWithMetadata(path: string): Promise<LoadedSafetensors> {
  return await withFile(path, async ({ size, read }) => {
    const length = headerLength(await read(0, Math.min(size, 8)), size, path);
    const { entries, metadata, dataStart } = parseHeader(await read(8, length), size, path);
    const tensors = new Map<string, Tensor>();
    for (const entry of entries) {
      const bytes = await read(dataStart + entry.begin, entry.end - entry.begin);
      tensors.set(entry.name, tensorOf(entryFromBytes(entry, bytes, path)));
    }
    return { tensors, metadata };
  });
}

/** The bytes of a safetensors file with these tensors, for browsers and sockets. Throws a FormatError for what the format cannot hold. */
export function tensorsToSafetensors(tensors: TensorsByName, { metadata = {} }: { metadata?: Metadata } = {}): Uint8Array<ArrayBuffer> {
  return encodeSafetensors(
    listTensors(tensors).map(([name, t]) => [name, entryOf(t)] as const),
    metadata,
  );
}

/** The tensors in the bytes of a safetensors file; `file` names it in errors. Throws a FormatError when it is not what it claims. */
export function tensorsFromSafetensors(bytes: Uint8Array, file = 'safetensors'): LoadedSafetensors {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  return { tensors: new Map([...tensors].map(([name, e]) => [name, tensorOf(e)])), metadata };
}
