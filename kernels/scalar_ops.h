// Numbers of the scalar operations of EWISE and REDUCE programs. Mirrors src/ops/scalar.ts; a test holds the two together.
#pragma once

// X(name, code)
#define FATHOM_SCALAR_OPS(X)                                                                                                       \
  X(neg, 1) X(abs, 2) X(sign, 3) X(ceil, 4) X(floor, 5) X(round, 6) X(trunc, 7) X(sqrt, 8) X(rsqrt, 9) X(reciprocal, 10)           \
  X(square, 11) X(exp, 12) X(exp2, 13) X(expm1, 14) X(log, 15) X(log2, 16) X(log10, 17) X(log1p, 18) X(sin, 19) X(cos, 20)         \
  X(tan, 21) X(asin, 22) X(acos, 23) X(atan, 24) X(sinh, 25) X(cosh, 26) X(tanh, 27) X(asinh, 28) X(acosh, 29) X(atanh, 30)        \
  X(sigmoid, 31) X(logSigmoid, 32) X(erf, 33) X(erfc, 34) X(erfinv, 35) X(lgamma, 36) X(digamma, 37) X(i0, 38) X(i0e, 39)          \
  X(i1, 40) X(i1e, 41) X(ndtri, 42) X(logNdtr, 43) X(erfcx, 44) X(besselJ0, 45) X(besselJ1, 46) X(besselY0, 47) X(besselY1, 48)    \
  X(besselK0, 49) X(besselK1, 50) X(relu, 51) X(isnan, 52) X(isinf, 53) X(isfinite, 54) X(signbit, 55) X(logicalNot, 56)           \
  X(bitwiseNot, 57) X(sinc, 58) X(softplus, 59) X(step, 60) X(besselK0e, 61) X(besselK1e, 62) X(entr, 63)                          \
  X(add, 64) X(sub, 65) X(mul, 66) X(div, 67) X(floorDiv, 68) X(truncDiv, 69) X(fmod, 70) X(remainder, 71) X(pow, 72) X(atan2, 73) \
  X(max, 74) X(min, 75) X(fmax, 76) X(fmin, 77) X(copysign, 78) X(hypot, 79) X(nextafter, 80) X(logaddexp, 81) X(logaddexp2, 82)   \
  X(xlogy, 83) X(eq, 84) X(ne, 85) X(lt, 86) X(le, 87) X(gt, 88) X(ge, 89) X(bitAnd, 90) X(bitOr, 91) X(bitXor, 92) X(shl, 93)     \
  X(shr, 94) X(logicalAnd, 95) X(logicalOr, 96) X(logicalXor, 97) X(gcd, 98) X(lcm, 99) X(heaviside, 100) X(igamma, 101)           \
  X(igammac, 102) X(zeta, 103) X(polygamma, 104) X(chebyshevT, 105) X(hermite, 106) X(hermiteHe, 107)                              \
  X(where, 128) X(fma, 129) X(clamp, 130) X(lerp, 131) X(gegenbauer, 132) X(laguerre, 133)

namespace fathom {

enum ScalarOp : int {
  S_mov = 0,
#define X(name, code) S_##name = code,
  FATHOM_SCALAR_OPS(X)
#undef X
  SCALAR_OP_LIMIT = 134
};

}  // namespace fathom
