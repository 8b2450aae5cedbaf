// Views, joining and splitting, gathering and scattering, indexing.

import { ELLIPSIS, IndexValue, SliceValue } from '../values.ts';
import { AdapterError, lookUp, type Rows, unmark } from './row.ts';

/** The entries of an index as the library takes them: slices as objects, '...' for the ellipsis. */
function items(v: unknown): unknown[] {
  if (!(v instanceof IndexValue)) throw new AdapterError('the index argument is no index');
  return v.items.map((i) =>
    i === ELLIPSIS
      ? '...'
      : i instanceof SliceValue
        ? { start: i.start ?? undefined, stop: i.stop ?? undefined, step: i.step ?? undefined }
        : i,
  );
}

/** PyTorch's variadic tensors that may also come as one list; we take a list. */
const listOf = (args: readonly unknown[]): unknown => (Array.isArray(args[0]) ? args[0] : args);

export const indexingRows: Rows = {
  'Tensor.T': 'self',
  'Tensor.mT': 'self',
  'Tensor.__getitem__': { needs: ['index'], call: ([f], { args }) => f(args[0], items(args[1])) },
  'Tensor.__setitem__': {
    needs: ['setIndex_', 'clone'],
    call: ([f, clone], { args }, lib) => {
      const x = clone(args[0]);
      f(x, items(args[1]), unmark(args[2], true, lib));
      return x;
    },
  },
  // programs change the tensor itself
  setitem_: { needs: ['setIndex_'], call: ([f], { args }, lib) => f(args[0], items(args[1]), unmark(args[2], true, lib)) },
  'Tensor.expand': 'self, size',
  'Tensor.expand_as': 'self, other',
  'Tensor.index_add_': 'self, dim, index, source, alpha?',
  'Tensor.index_fill_': 'self, dim, index, value*',
  'Tensor.masked_scatter_': 'self, mask, source',
  'Tensor.repeat': 'self, repeats',
  'Tensor.reshape': 'self, shape',
  'Tensor.reshape_as': 'self, other',
  'Tensor.resize_': 'self, size',
  'Tensor.scatter_': 'self, dim, index, src*',
  'Tensor.squeeze_': 'self, dim~',
  'Tensor.t_': 'self',
  'Tensor.unfold': 'self, dimension, size, step',
  'Tensor.view': 'self, shape',
  'Tensor.view_as': 'self, other',
  'Tensor.detach': 'self',
  'Tensor.detach_': 'self',
  'Tensor.masked_fill': 'self, mask, value*',
  argwhere: 'input',
  as_strided: 'input, size, stride, storage_offset~',
  atleast_1d: '...tensors',
  atleast_2d: '...tensors',
  atleast_3d: '...tensors',
  broadcast_shapes: { needs: ['broadcastShapes'], call: ([f], { args }) => f('broadcastShapes', ...args) },
  broadcast_tensors: '...tensors',
  broadcast_to: 'input, size',
  bucketize: 'input, boundaries, out_int32?, right?',
  cartesian_prod: '...tensors',
  cat: 'tensors, dim~',
  chunk: 'input, chunks, dim~',
  column_stack: 'tensors',
  combinations: 'input, r?, with_replacement?',
  constant_pad_nd: 'input, pad, value?',
  cross: 'input, other, dim?',
  'linalg.cross': 'input, other, dim?',
  diagonal: 'input, offset?, dim1?, dim2?',
  diagonal_scatter: 'input, src, offset?, dim1?, dim2?',
  dstack: 'tensors',
  hstack: 'tensors',
  vstack: 'tensors',
  flatten: {
    needs: ['flatten'],
    call: ([f], { args, kwargs }) => f(args[0], args[1] ?? kwargs.start_dim ?? 0, args[2] ?? kwargs.end_dim ?? -1),
  },
  flip: 'input, dims',
  fliplr: 'input',
  flipud: 'input',
  gather: 'input, dim, index',
  hsplit: 'input, indices_or_sections',
  vsplit: 'input, indices_or_sections',
  index_add: 'input, dim, index, source, alpha?',
  index_copy: 'input, dim, index, source',
  index_fill: 'input, dim, index, value*',
  index_put: 'input, indices, values, accumulate?',
  index_reduce: 'input, dim, index, source, reduce, include_self?',
  index_select: 'input, dim, index',
  isin: 'elements, test_elements, assume_unique?, invert?',
  kron: 'input, other',
  masked_fill: 'input, mask, value*',
  masked_scatter: 'input, mask, source',
  masked_select: 'input, mask',
  meshgrid: {
    needs: ['meshgrid'],
    call: ([f], { args, kwargs }) => (kwargs.indexing === undefined ? f(listOf(args)) : f(listOf(args), { indexing: kwargs.indexing })),
  },
  movedim: 'input, source, destination',
  // start may be a 0-d integer tensor in PyTorch
  narrow: {
    needs: ['narrow', 'itemSync'],
    call: ([f, item], { args }) => f(args[0], args[1], typeof args[2] === 'object' ? item(args[2]) : args[2], args[3]),
  },
  nonzero: 'input, as_tuple?',
  permute: 'input, dims',
  put: 'input, index, source, accumulate?',
  ravel: 'input',
  repeat_interleave: 'input, repeats~, dim?, output_size?',
  reshape: 'input, shape',
  roll: 'input, shifts, dims?',
  rot90: 'input, k?, dims?',
  // scatter(x, dim, index, number, reduce=) and scatter(x, dim, index, src)
  scatter: 'input, dim, index, src*, reduce?',
  scatter_add: 'input, dim, index, src',
  scatter_reduce: 'input, dim, index, src, reduce, include_self?',
  searchsorted: 'sorted_sequence, input, out_int32?, right?, side?, sorter?',
  select: 'input, dim, index',
  select_scatter: 'input, src, dim, index',
  slice_scatter: 'input, src, dim?, start?, end?, step?',
  split: 'tensor, split_size_or_sections, dim~',
  squeeze: 'input, dim~',
  stack: 'tensors, dim~',
  swapaxes: 'input, axis0, axis1',
  t: 'input',
  take: 'input, index',
  take_along_dim: 'input, indices, dim?',
  // the split points may come as an integer tensor
  tensor_split: {
    needs: ['tensorSplit'],
    call: ([f], { args, kwargs }, lib) => {
      const at = args[1];
      const list =
        typeof at === 'object' && at !== null && !Array.isArray(at) ? (lookUp(lib, 'toArraySync') as (x: unknown) => unknown)(at) : at;
      return f(args[0], list, args[2] ?? kwargs.dim ?? 0);
    },
  },
  tile: 'input, dims',
  transpose: 'input, dim0, dim1',
  unbind: 'input, dim~',
  unflatten: 'input, dim, sizes',
  unravel_index: 'indices, shape',
  unsqueeze: 'input, dim',
  'nn.functional.one_hot': 'tensor, num_classes?',
  'nn.functional.pad': 'input, pad, mode?, value?',
};
