// Creation of tensors, casts, and questions to a tensor.

import { type Rows, unmark } from './row.ts';

const isTensor = (v: unknown): boolean => typeof v === 'object' && v !== null && 'storage' in v;

const likeNew = (make: string): Rows[string] => ({
  needs: [make],
  call: ([f], { args, kwargs }, lib) => {
    const x = args[0] as { dtype: string };
    const options = { dtype: x.dtype, ...kwargs };
    return make === 'tensor'
      ? f(unmark(args[1], true, lib), options)
      : f(args[1], ...args.slice(2).map((v) => unmark(v, true, lib)), options);
  },
});

export const creationRows: Rows = {
  'Tensor.bool': 'toBool: self',
  'Tensor.double': 'toDouble: self',
  'Tensor.float': 'toFloat: self',
  'Tensor.int': 'toInt: self',
  'Tensor.long': 'toLong: self',
  'Tensor.to': 'self, dtype',
  'Tensor.contiguous': 'self',
  'Tensor.is_contiguous': 'self',
  'Tensor.clone': 'self',
  'Tensor.copy_': 'self, other',
  'Tensor.fill_': 'self, value*',
  'Tensor.zero_': 'self',
  // Python's methods that are plain properties here
  'Tensor.dim': { needs: ['Tensor'], call: (_, { args }) => (args[0] as { ndim: number }).ndim },
  'Tensor.numel': { needs: ['Tensor'], call: (_, { args }) => (args[0] as { numel: number }).numel },
  'Tensor.size': { needs: ['Tensor'], call: (_, { args }) => [...(args[0] as { shape: number[] }).shape] },
  'Tensor.stride': { needs: ['Tensor'], call: (_, { args }) => [...(args[0] as { strides: number[] }).strides] },
  // item() of a bool tensor is True or False in Python and 0 or 1 here
  'Tensor.item': {
    needs: ['itemSync'],
    call: ([f], { args }) => ((args[0] as { dtype: string }).dtype === 'bool' ? f(args[0]) !== 0 : f(args[0])),
  },
  'Tensor.tolist': 'toArraySync: self',
  'Tensor.__bool__': 'toBoolean: self',
  is_nonzero: 'toBoolean: input',
  is_floating_point: 'isFloatingPoint: input',
  'Tensor.new_full': likeNew('full'),
  'Tensor.new_ones': likeNew('ones'),
  'Tensor.new_zeros': likeNew('zeros'),
  'Tensor.new_tensor': likeNew('tensor'),
  arange: {
    needs: ['arange'],
    call: ([f], { args, kwargs }, lib) => f(...args.map((v) => unmark(v, true, lib)), ...(Object.keys(kwargs).length > 0 ? [kwargs] : [])),
  },
  bartlett_window: 'window_length, periodic?, dtype?',
  blackman_window: 'window_length, periodic?, dtype?',
  hamming_window: 'window_length, periodic?, alpha?, beta?, dtype?',
  hann_window: 'window_length, periodic?, dtype?',
  kaiser_window: 'window_length, periodic?, beta?, dtype?',
  'signal.windows.gaussian': 'M, std?, sym?, dtype?',
  'signal.windows.hamming': 'M, sym?, dtype?',
  'signal.windows.hann': 'M, sym?, dtype?',
  block_diag: '...tensors',
  clone: 'input',
  diag: 'input, diagonal?',
  diag_embed: 'input, offset?, dim1?, dim2?',
  diagflat: 'input, offset?',
  empty: 'size, dtype?',
  empty_like: 'input, dtype?',
  eye: 'n, m~, dtype?',
  full: 'size, fill_value*, dtype?',
  full_like: 'input, fill_value*, dtype?',
  // PyTorch takes 0-d tensors as ends too: they are read first
  linspace: {
    needs: ['linspace', 'itemSync'],
    call: ([f, item], { args, kwargs }, lib) =>
      f(...args.map((v) => (isTensor(v) ? item(v) : unmark(v, false, lib))), ...(Object.keys(kwargs).length > 0 ? [kwargs] : [])),
  },
  logspace: 'start, end, steps, base?, dtype?',
  ones: 'size, dtype?',
  ones_like: 'input, dtype?',
  zeros: 'size, dtype?',
  zeros_like: 'input, dtype?',
  rand: 'size, dtype?',
  rand_like: 'input, dtype?',
  randint: 'low, high, size, dtype?',
  randn: 'size, dtype?',
  randn_like: 'input, dtype?',
  randperm: 'n, dtype?',
  // A 0-d tensor of a plain number is float32 whatever the number is: only this function of PyTorch does so.
  scalar_tensor: {
    needs: ['tensor'],
    call: ([f], { args, kwargs }, lib) => f(unmark(args[0], true, lib), { dtype: 'float32', ...kwargs }),
  },
  tensor: 'data*, dtype?',
  tril: 'input, diagonal?',
  triu: 'input, diagonal?',
  tril_indices: 'row, col, offset?, dtype?',
  triu_indices: 'row, col, offset?, dtype?',
  vander: 'x, N?, increasing?',
  can_cast: 'from_, to',
  promote_types: 'type1, type2',
  result_type: {
    needs: ['resultType|resultTypeOf'],
    call: ([f], { args }, lib) => f(...args.map((v) => unmark(v, true, lib))),
  },
  multinomial: 'input, num_samples, replacement?',
};
