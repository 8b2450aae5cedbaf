// Elementwise arithmetic, comparisons, activations, their in-place and reflected forms.

import { need, type Rows, unmark } from './row.ts';

const rows = (names: string, params: string): Record<string, string> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((n) => [n, params]),
  );

/** Reflected operators: `2 - x` is `sub(2, x)` here. */
const reflected = (name: string): Rows[string] => ({
  needs: [name],
  call: ([f], { args }, lib) => f(unmark(args[1], true, lib), args[0]),
});

/** max(x), max(x, dim, keepdim) and max(x, other) share a name in PyTorch; here the last is `maximum`. */
const extremum = (name: string, elementwise: string): Rows[string] => ({
  needs: [name],
  call: ([f], { args, kwargs }, lib) => {
    const [x, second, third] = args;
    if (second !== undefined && typeof second === 'object' && second !== null) {
      return need(lib, name, elementwise)(x, second);
    }
    const options = { ...(second !== undefined ? { dim: second } : {}), ...(third !== undefined ? { keepdim: third } : {}), ...kwargs };
    return Object.keys(options).length > 0 ? f(x, options) : f(x);
  },
});

export const elementwiseRows: Rows = {
  ...rows(
    `abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac i0 isfinite isinf isnan
     isneginf isposinf lgamma log log10 log1p log2 logical_not neg positive rad2deg reciprocal relu rsqrt sgn sigmoid sign signbit sin sinc sinh
     sqrt square tan tanh trunc bitwise_not`,
    'input',
  ),
  ...rows(
    `atan2 bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift copysign eq ne lt le gt ge float_power floor_divide fmax
     fmin fmod gcd lcm heaviside hypot igamma igammac ldexp logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mul
     nextafter pow remainder true_divide xlogy`,
    'input*, other*',
  ),
  ...rows('Tensor.abs_ Tensor.exp_ Tensor.neg_ Tensor.relu_ Tensor.sigmoid_ Tensor.tanh_', 'self'),
  ...rows('Tensor.mul_ Tensor.pow_', 'self, other*'),
  add: 'input*, other*, alpha?',
  sub: 'input*, other*, alpha?',
  rsub: 'input*, other*, alpha?',
  div: 'input*, other*, rounding_mode?',
  'Tensor.add_': 'self, other*, alpha?',
  'Tensor.sub_': 'self, other*, alpha?',
  'Tensor.div_': 'self, other*, rounding_mode?',
  'Tensor.addcmul_': 'self, tensor1, tensor2, value?',
  'Tensor.clamp_': 'self, min*?, max*?',
  'Tensor.lerp_': 'self, end, weight*',
  'Tensor.masked_fill_': 'self, mask, value*',
  'Tensor.__radd__': reflected('add'),
  'Tensor.__rmul__': reflected('mul'),
  'Tensor.__rpow__': reflected('pow'),
  'Tensor.__rsub__': reflected('sub'),
  'Tensor.__rtruediv__': reflected('div'),
  addcdiv: 'input, tensor1, tensor2, value?',
  addcmul: 'input, tensor1, tensor2, value?',
  allclose: 'input, other, rtol?, atol?, equal_nan?',
  isclose: 'input, other, rtol?, atol?, equal_nan?',
  equal: 'input, other',
  clamp: 'input, min*?, max*?',
  clip: 'input, min*?, max*?',
  clamp_max: 'input, max*',
  clamp_min: 'input, min*',
  dist: 'input, other, p?',
  lerp: 'input, end, weight*',
  logit: 'input, eps?',
  max: extremum('max', 'maximum'),
  min: extremum('min', 'minimum'),
  mvlgamma: 'input, p',
  nan_to_num: 'input, nan?, posinf?, neginf?',
  polygamma: 'n, input',
  round: 'input, decimals?',
  // where(condition) alone is nonzero as a tuple
  where: {
    needs: ['where'],
    call: ([f], { args }, lib) => {
      if (args.length > 1) return f(args[0], ...args.slice(1).map((v) => unmark(v, true, lib)));
      return need(lib, 'where', 'nonzero')(args[0], { asTuple: true });
    },
  },
  ...rows(
    `nn.functional.hardsigmoid nn.functional.hardswish nn.functional.logsigmoid nn.functional.mish nn.functional.relu nn.functional.relu6
     nn.functional.selu nn.functional.silu nn.functional.softsign nn.functional.tanhshrink`,
    'input, inplace!',
  ),
  ...rows('nn.functional.celu nn.functional.elu', 'input, alpha?'),
  'nn.functional.gelu': 'input, approximate?',
  'nn.functional.glu': 'input, dim?',
  ...rows('nn.functional.hardshrink nn.functional.softshrink', 'input, lambd?'),
  'nn.functional.hardtanh': 'input, min_val?, max_val?',
  'nn.functional.leaky_relu': 'input, negative_slope?',
  'nn.functional.prelu': 'input, weight',
  'nn.functional.rrelu': 'input, lower?, upper?, training?',
  'nn.functional.softplus': 'input, beta?, threshold?',
  'nn.functional.threshold': 'input, threshold, value',
};
