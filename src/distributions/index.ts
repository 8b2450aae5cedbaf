// The face of the distributions.

import '../tensor/methods.ts';
import '../autograd/setup.ts';

export { Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson, type ProbsOrLogits } from './bernoulli.ts';
export { Beta, Dirichlet } from './beta.ts';
export { Categorical, type ClassOptions, Multinomial, OneHotCategorical } from './categorical.ts';
export { Independent, MixtureSameFamily, TransformedDistribution } from './composite.ts';
export * as constraints from './constraints.ts';
export { Distribution, type DistributionOptions, type Parameter, type SampleOptions } from './distribution.ts';
export { Chi2, Exponential, Gamma, InverseGamma, Pareto, Weibull } from './gamma.ts';
export { type Divergence, klDivergence, registerKl } from './kl.ts';
export { Cauchy, Gumbel, HalfCauchy, Laplace, Uniform } from './location-scale.ts';
export { LowRankMultivariateNormal, MultivariateNormal, type MultivariateNormalOptions } from './multivariate-normal.ts';
export { HalfNormal, LogNormal, Normal, StudentT } from './normal.ts';
export {
  AbsTransform,
  AffineTransform,
  ComposeTransform,
  ExpTransform,
  PowerTransform,
  SigmoidTransform,
  SoftmaxTransform,
  SoftplusTransform,
  StickBreakingTransform,
  TanhTransform,
  Transform,
} from './transforms.ts';
export { VonMises } from './von-mises.ts';
