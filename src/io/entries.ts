// Between tensors and the plain arrays that files hold.

import { fromTyped, hostCopy } from '../ops/create.ts';
import { dense } from '../ops/raw.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArrayEntry } from './safetensors-format.ts';

/** Tensors by name: what a module's stateDict gives, or a plain object. */
export type TensorsByName = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

const isMap = (t: TensorsByName): t is ReadonlyMap<string, Tensor> => t instanceof Map;

/** Names and tensors in their order. */
export const listTensors = (tensors: TensorsByName): [string, Tensor][] => (isMap(tensors) ? [...tensors] : Object.entries(tensors));

/** The elements of a tensor on the host, row-major. */
export const entryOf = (t: Tensor): ArrayEntry => ({ dtype: t.dtype, shape: t.shape, data: hostCopy(dense(t)) });

/** A new tensor with the elements of an entry. */
export const tensorOf = ({ dtype, shape, data }: ArrayEntry): Tensor => fromTyped(data, shape, dtype);
