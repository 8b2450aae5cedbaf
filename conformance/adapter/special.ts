// Special functions. Where torch.special repeats a plain function the plain one is looked up after ft.special.

import type { Rows } from './row.ts';

const both = (name: string, plain: string, params: string): [string, string] => [`special.${name}`, `special.${plain}|${plain}: ${params}`];

export const specialRows: Rows = Object.fromEntries([
  ...[
    ['bessel_j0', 'besselJ0'],
    ['bessel_j1', 'besselJ1'],
    ['bessel_y0', 'besselY0'],
    ['bessel_y1', 'besselY1'],
    ['digamma', 'digamma'],
    ['psi', 'digamma'],
    ['entr', 'entr'],
    ['erf', 'erf'],
    ['erfc', 'erfc'],
    ['erfcx', 'erfcx'],
    ['erfinv', 'erfinv'],
    ['exp2', 'exp2'],
    ['expit', 'sigmoid'],
    ['expm1', 'expm1'],
    ['gammaln', 'lgamma'],
    ['i0', 'i0'],
    ['i0e', 'i0e'],
    ['i1', 'i1'],
    ['i1e', 'i1e'],
    ['log1p', 'log1p'],
    ['log_ndtr', 'logNdtr'],
    ['modified_bessel_i0', 'i0'],
    ['modified_bessel_k0', 'modifiedBesselK0'],
    ['ndtr', 'ndtr'],
    ['ndtri', 'ndtri'],
    ['sinc', 'sinc'],
  ].map(([name, plain]) => both(name, plain, 'input')),
  ...[
    ['gammainc', 'igamma'],
    ['gammaincc', 'igammac'],
    ['xlog1py', 'xlog1py'],
    ['xlogy', 'xlogy'],
    ['zeta', 'zeta'],
    ['chebyshev_polynomial_t', 'chebyshevPolynomialT'],
    ['hermite_polynomial_h', 'hermitePolynomialH'],
    ['laguerre_polynomial_l', 'laguerrePolynomialL'],
    ['legendre_polynomial_p', 'legendrePolynomialP'],
  ].map(([name, plain]) => both(name, plain, 'input*, other*')),
  both('logit', 'logit', 'input, eps?'),
  both('round', 'round', 'input, decimals?'),
  both('multigammaln', 'mvlgamma', 'input, p'),
  both('polygamma', 'polygamma', 'n, input'),
  both('softmax', 'softmax', 'input, dim, dtype?'),
  both('log_softmax', 'logSoftmax', 'input, dim, dtype?'),
  both('logsumexp', 'logsumexp', 'input, dim, keepdim?'),
]);
