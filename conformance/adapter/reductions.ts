// Reductions, scans, sorting, statistics.

import { type Call, type Rows, unmark } from './row.ts';

/** std(x, unbiased), std(x, dim, unbiased, keepdim) and std(x, dim, correction=, keepdim=): unbiased is correction 1 or 0 here. */
const spread = (name: string): Rows[string] => ({
  needs: [name],
  call: ([f], { args, kwargs }: Call, lib) => {
    const options: Record<string, unknown> = {};
    const rest = args.slice(1);
    if (typeof rest[0] === 'boolean') options.correction = rest.shift() ? 1 : 0;
    else if (rest.length > 0) {
      options.dim = rest.shift();
      if (rest.length > 0) options.correction = rest.shift() ? 1 : 0;
      if (rest.length > 0) options.keepdim = rest.shift();
    }
    for (const [k, v] of Object.entries(kwargs)) {
      if (k === 'unbiased') options.correction = v ? 1 : 0;
      else if (v !== null) options[k] = unmark(v, false, lib);
    }
    return f(args[0], options);
  },
});

/** unique gives { values, inverse, counts } here; PyTorch leaves out what was not asked for. */
const distinct = (name: string): Rows[string] => ({
  needs: [name],
  call: ([f], { args, kwargs }) => {
    const r = f(args[0], {
      ...('sorted' in kwargs ? { sorted: kwargs.sorted } : {}),
      ...(kwargs.dim !== undefined && kwargs.dim !== null ? { dim: kwargs.dim } : {}),
      returnInverse: kwargs.return_inverse === true,
      returnCounts: kwargs.return_counts === true,
    });
    const isResult = (v: unknown): v is { values: unknown; inverse?: unknown; counts?: unknown } =>
      typeof v === 'object' && v !== null && 'values' in v && 'counts' in v;
    if (!isResult(r)) return r;
    return [r.values, ...(kwargs.return_inverse === true ? [r.inverse] : []), ...(kwargs.return_counts === true ? [r.counts] : [])];
  },
});

const both: string = 'input, dim?, keepdim?';

export const reductionRows: Rows = {
  all: both,
  any: both,
  amax: both,
  amin: both,
  aminmax: both,
  argmax: both,
  argmin: both,
  argsort: 'input, dim?, descending?, stable?',
  bincount: 'input, weights?, minlength?',
  corrcoef: 'input',
  count_nonzero: 'input, dim?',
  cov: 'input, correction?, fweights?, aweights?',
  cummax: 'input, dim',
  cummin: 'input, dim',
  cumprod: 'input, dim, dtype?',
  cumsum: 'input, dim, dtype?',
  cumulative_trapezoid: 'y, x?, dx?, dim?',
  trapezoid: 'y, x?, dx?, dim?',
  diff: 'input, n?, dim?, prepend?, append?',
  gradient: 'input, spacing?, dim?, edge_order?',
  histc: 'input, bins?, min?, max?',
  histogram: 'input, bins, range?, weight?, density?',
  kthvalue: 'input, k, dim?, keepdim?',
  logcumsumexp: 'input, dim',
  logsumexp: 'input, dim, keepdim?',
  mean: `${both}, dtype?`,
  median: both,
  nanmedian: both,
  msort: 'input',
  nanmean: `${both}, dtype?`,
  nansum: `${both}, dtype?`,
  nanquantile: 'input, q, dim?, keepdim?, interpolation?',
  quantile: 'input, q, dim?, keepdim?, interpolation?',
  norm: 'input, p?, dim?, keepdim?, dtype?',
  prod: `${both}, dtype?`,
  renorm: 'input, p, dim, maxnorm',
  sort: 'input, dim?, descending?, stable?',
  std: spread('std'),
  var: spread('var'),
  std_mean: spread('stdMean'),
  var_mean: spread('varMean'),
  sum: `${both}, dtype?`,
  topk: 'input, k, dim?, largest?, sorted?',
  trace: 'input',
  unique: distinct('unique'),
  unique_consecutive: distinct('uniqueConsecutive'),
  'linalg.vector_norm': 'x, ord?, dim?, keepdim?, dtype?',
  softmax: 'input, dim, dtype?',
  log_softmax: 'input, dim, dtype?',
};
