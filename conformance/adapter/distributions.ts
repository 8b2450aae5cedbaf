// Distributions: parameters that PyTorch requires are positional in our constructors, the others go into the options object.

import { DistributionValue } from '../values.ts';
import { AdapterError, bindArguments, camelCase, type Fn, type Library, need, parseRow, type Rows, unmark } from './row.ts';

/** Parameters of the constructors, in the notation of rows. */
export const constructors: Readonly<Record<string, string>> = {
  Bernoulli: 'probs?, logits?',
  Beta: 'concentration1, concentration0',
  Binomial: 'total_count?, probs?, logits?',
  Categorical: 'probs?, logits?',
  Cauchy: 'loc, scale',
  Chi2: 'df',
  Dirichlet: 'concentration',
  Exponential: 'rate',
  Gamma: 'concentration, rate',
  Geometric: 'probs?, logits?',
  Gumbel: 'loc, scale',
  HalfNormal: 'scale',
  Laplace: 'loc, scale',
  LogNormal: 'loc, scale',
  Multinomial: 'total_count?, probs?, logits?',
  MultivariateNormal: 'loc, covariance_matrix?, precision_matrix?, scale_tril?',
  NegativeBinomial: 'total_count, probs?, logits?',
  Normal: 'loc, scale',
  Poisson: 'rate',
  StudentT: 'df, loc?, scale?',
  Uniform: 'low, high',
  Weibull: 'scale, concentration',
};

/** Methods and properties that distributions share. */
export const members = 'log_prob cdf icdf mean variance stddev entropy mode enumerate_support probs logits'.split(' ');

function construct(v: unknown, lib: Library): Record<string, unknown> {
  if (!(v instanceof DistributionValue) || !Object.hasOwn(constructors, v.name))
    throw new AdapterError('the argument is no known distribution');
  const Class = need(lib, `distributions.${v.name}`, `distributions.${v.name}`) as unknown as new (...args: unknown[]) => unknown;
  const { params } = parseRow(v.name, `${v.name}: ${constructors[v.name]}, validate_args?`);
  return new Class(...bindArguments(v.name, params, { args: [], kwargs: v.kwargs }, lib)) as Record<string, unknown>;
}

/** Calls a method or reads a property of a distribution. */
const member = (name: string, key: string): Rows[string] => ({
  needs: [`distributions.${name}`],
  call: (_, { args }, lib) => {
    const d = construct(args[0], lib);
    const m = d[camelCase(key)];
    if (m === undefined) return need(lib, `distributions.${name}.${key}`, `distributions.${name}.${camelCase(key)}`);
    return typeof m === 'function' ? (m as Fn).call(d, ...args.slice(1).map((v) => unmark(v, false, lib))) : m;
  },
});

export const distributionRows: Rows = {
  ...Object.fromEntries(
    Object.keys(constructors).flatMap((name) => members.map((key) => [`distributions.${name}.${key}`, member(name, key)])),
  ),
  'distributions.kl_divergence': {
    needs: ['distributions.klDivergence'],
    call: ([f], { args }, lib) => f(construct(args[0], lib), construct(args[1], lib)),
  },
};
