// Scalar expressions: the language of elementwise operations. An operation is written once as an expression over its
// inputs; its derivative is found by reverse differentiation of the expression, as a new expression. Each primitive has
// one row here: its code in the kernels and its partial derivatives.

/** A node of an expression. Equal nodes are the same object (hash consing), so common parts are computed once. */
export interface Expr {
  readonly op: PrimitiveName | 'in' | 'param' | 'lit';
  readonly args: readonly Expr[];
  /** Index of an input or parameter, or the value of a literal. */
  readonly value: number;
  readonly id: number;
}

/** Partial derivatives of a primitive: from its arguments and its result to one factor per argument (null: zero). */
type Partials = (a: readonly Expr[], y: Expr) => readonly (Expr | null)[];

const interned = new Map<string, Expr>();
let nextId = 0;
function node(op: Expr['op'], args: readonly Expr[], value = 0): Expr {
  let key = `${op}:${Object.is(value, -0) ? '-0' : value}`;
  for (const a of args) key += `,${a.id}`;
  let e = interned.get(key);
  if (e === undefined) {
    e = { op, args, value, id: nextId++ };
    interned.set(key, e);
  }
  return e;
}

/** The i-th input tensor. */
export const input = (i: number): Expr => node('in', [], i);
/** The i-th number that the caller gives at run time. */
export const param = (i: number): Expr => node('param', [], i);
/** A constant of the expression. */
export const lit = (v: number): Expr => node('lit', [], v);

const isLit = (e: Expr, v: number): boolean => e.op === 'lit' && e.value === v;
export type Operand = Expr | number;
const ex = (a: Operand): Expr => (typeof a === 'number' ? lit(a) : a);
const unary =
  (op: PrimitiveName) =>
  (a: Operand): Expr =>
    node(op, [ex(a)]);
const binary =
  (op: PrimitiveName) =>
  (a: Operand, b: Operand): Expr =>
    node(op, [ex(a), ex(b)]);

// Only exact simplifications: x·1, x+0 of derivative sums, x/1.
export const add = (a: Operand, b: Operand): Expr => {
  const [x, y] = [ex(a), ex(b)];
  return isLit(x, 0) ? y : isLit(y, 0) ? x : node('add', [x, y]);
};
export const sub = (a: Operand, b: Operand): Expr => {
  const [x, y] = [ex(a), ex(b)];
  return isLit(y, 0) ? x : node('sub', [x, y]);
};
export const mul = (a: Operand, b: Operand): Expr => {
  const [x, y] = [ex(a), ex(b)];
  if (isLit(x, 1)) return y;
  if (isLit(y, 1)) return x;
  if (isLit(x, -1)) return neg(y);
  if (isLit(y, -1)) return neg(x);
  return node('mul', [x, y]);
};
export const div = (a: Operand, b: Operand): Expr => {
  const [x, y] = [ex(a), ex(b)];
  return isLit(y, 1) ? x : node('div', [x, y]);
};
export const neg = unary('neg');
export const abs = unary('abs');
export const sign = unary('sign');
export const floor = unary('floor');
export const trunc = unary('trunc');
export const round = unary('round');
export const sqrt = unary('sqrt');
export const rsqrt = unary('rsqrt');
export const recip = unary('reciprocal');
export const square = unary('square');
export const exp = unary('exp');
export const exp2 = unary('exp2');
export const expm1 = unary('expm1');
export const log = unary('log');
export const log1p = unary('log1p');
export const sin = unary('sin');
export const cos = unary('cos');
export const tan = unary('tan');
export const tanh = unary('tanh');
export const sinh = unary('sinh');
export const cosh = unary('cosh');
export const sigmoid = unary('sigmoid');
export const logSigmoid = unary('logSigmoid');
export const softplus = unary('softplus');
export const erf = unary('erf');
export const lgamma = unary('lgamma');
export const digamma = unary('digamma');
export const relu = unary('relu');
export const isnan = unary('isnan');
export const isfinite = unary('isfinite');
export const signbit = unary('signbit');
export const logicalNot = unary('logicalNot');
export const sinc = unary('sinc');
export const step = unary('step');
export const pow = binary('pow');
export const max = binary('max');
export const min = binary('min');
export const atan2 = binary('atan2');
export const fmod = binary('fmod');
export const remainder = binary('remainder');
export const floorDiv = binary('floorDiv');
export const truncDiv = binary('truncDiv');
export const copysign = binary('copysign');
export const hypot = binary('hypot');
export const xlogy = binary('xlogy');
export const polygamma = binary('polygamma');
export const zeta = binary('zeta');
export const logaddexp = binary('logaddexp');
export const logicalAnd = binary('logicalAnd');
export const logicalOr = binary('logicalOr');
export const eq = binary('eq');
export const ne = binary('ne');
export const lt = binary('lt');
export const le = binary('le');
export const gt = binary('gt');
export const ge = binary('ge');
export const call = (op: PrimitiveName, ...args: Operand[]): Expr => node(op, args.map(ex));
export const where = (c: Operand, a: Operand, b: Operand): Expr => node('where', [ex(c), ex(a), ex(b)]);
export const fma = (a: Operand, b: Operand, c: Operand): Expr => node('fma', [ex(a), ex(b), ex(c)]);
export const clamp = (x: Operand, lo: Operand, hi: Operand): Expr => node('clamp', [ex(x), ex(lo), ex(hi)]);

const LN2 = Math.LN2;
const LN10 = Math.LN10;
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);
const flat: Partials = (a) => a.map(() => null);
const half = lit(0.5);
// Equal values of max and min share the gradient, as PyTorch does.
const share = (wins: Expr, ties: Expr): Expr => where(ties, half, wins);

/** Codes of the primitives in the kernels (kernels/scalar_ops.h). */
export const primitiveCodes = {
  neg: 1,
  abs: 2,
  sign: 3,
  ceil: 4,
  floor: 5,
  round: 6,
  trunc: 7,
  sqrt: 8,
  rsqrt: 9,
  reciprocal: 10,
  square: 11,
  exp: 12,
  exp2: 13,
  expm1: 14,
  log: 15,
  log2: 16,
  log10: 17,
  log1p: 18,
  sin: 19,
  cos: 20,
  tan: 21,
  asin: 22,
  acos: 23,
  atan: 24,
  sinh: 25,
  cosh: 26,
  tanh: 27,
  asinh: 28,
  acosh: 29,
  atanh: 30,
  sigmoid: 31,
  logSigmoid: 32,
  erf: 33,
  erfc: 34,
  erfinv: 35,
  lgamma: 36,
  digamma: 37,
  i0: 38,
  i0e: 39,
  i1: 40,
  i1e: 41,
  ndtri: 42,
  logNdtr: 43,
  erfcx: 44,
  besselJ0: 45,
  besselJ1: 46,
  besselY0: 47,
  besselY1: 48,
  besselK0: 49,
  besselK1: 50,
  relu: 51,
  isnan: 52,
  isinf: 53,
  isfinite: 54,
  signbit: 55,
  logicalNot: 56,
  bitwiseNot: 57,
  sinc: 58,
  softplus: 59,
  step: 60,
  besselK0e: 61,
  besselK1e: 62,
  entr: 63,
  add: 64,
  sub: 65,
  mul: 66,
  div: 67,
  floorDiv: 68,
  truncDiv: 69,
  fmod: 70,
  remainder: 71,
  pow: 72,
  atan2: 73,
  max: 74,
  min: 75,
  fmax: 76,
  fmin: 77,
  copysign: 78,
  hypot: 79,
  nextafter: 80,
  logaddexp: 81,
  logaddexp2: 82,
  xlogy: 83,
  eq: 84,
  ne: 85,
  lt: 86,
  le: 87,
  gt: 88,
  ge: 89,
  bitAnd: 90,
  bitOr: 91,
  bitXor: 92,
  shl: 93,
  shr: 94,
  logicalAnd: 95,
  logicalOr: 96,
  logicalXor: 97,
  gcd: 98,
  lcm: 99,
  heaviside: 100,
  igamma: 101,
  igammac: 102,
  zeta: 103,
  polygamma: 104,
  chebyshevT: 105,
  hermite: 106,
  hermiteHe: 107,
  where: 128,
  fma: 129,
  clamp: 130,
  lerp: 131,
  gegenbauer: 132,
  laguerre: 133,
} as const;

/** Names of the scalar primitives. */
export type PrimitiveName = keyof typeof primitiveCodes;

/** Partial derivatives, one row per primitive; a missing row does not compile. */
const partialsOf: Record<PrimitiveName, Partials> = {
  neg: () => [lit(-1)],
  abs: ([x]) => [sign(x)],
  sign: flat,
  ceil: flat,
  floor: flat,
  round: flat,
  trunc: flat,
  sqrt: (_, y) => [div(0.5, y)],
  rsqrt: (_, y) => [mul(-0.5, mul(y, mul(y, y)))],
  reciprocal: (_, y) => [neg(mul(y, y))],
  square: ([x]) => [mul(2, x)],
  exp: (_, y) => [y],
  exp2: (_, y) => [mul(LN2, y)],
  expm1: (_, y) => [add(y, lit(1))],
  log: ([x]) => [recip(x)],
  log2: ([x]) => [div(1, mul(x, LN2))],
  log10: ([x]) => [div(1, mul(x, LN10))],
  log1p: ([x]) => [div(1, add(x, 1))],
  sin: ([x]) => [cos(x)],
  cos: ([x]) => [neg(sin(x))],
  tan: (_, y) => [add(mul(y, y), 1)],
  asin: ([x]) => [rsqrt(sub(1, mul(x, x)))],
  acos: ([x]) => [neg(rsqrt(sub(1, mul(x, x))))],
  atan: ([x]) => [recip(add(mul(x, x), 1))],
  sinh: ([x]) => [cosh(x)],
  cosh: ([x]) => [sinh(x)],
  tanh: (_, y) => [sub(1, mul(y, y))],
  asinh: ([x]) => [rsqrt(add(mul(x, x), 1))],
  acosh: ([x]) => [rsqrt(sub(mul(x, x), 1))],
  atanh: ([x]) => [recip(sub(1, mul(x, x)))],
  sigmoid: (_, y) => [mul(y, sub(1, y))],
  logSigmoid: ([x]) => [sigmoid(neg(x))],
  erf: ([x]) => [mul(TWO_OVER_SQRT_PI, exp(neg(mul(x, x))))],
  erfc: ([x]) => [mul(-TWO_OVER_SQRT_PI, exp(neg(mul(x, x))))],
  erfinv: (_, y) => [mul(1 / TWO_OVER_SQRT_PI, exp(mul(y, y)))],
  lgamma: ([x]) => [digamma(x)],
  digamma: ([x]) => [polygamma(1, x)],
  i0: ([x]) => [node('i1', [x])],
  i0e: ([x], y) => [sub(node('i1e', [x]), mul(sign(x), y))],
  i1: ([x], y) => [where(eq(x, 0), 0.5, sub(node('i0', [x]), div(y, x)))],
  i1e: ([x], y) => [where(eq(x, 0), 0.5, sub(node('i0e', [x]), mul(y, add(sign(x), recip(x)))))],
  ndtri: (_, y) => [mul(Math.sqrt(2 * Math.PI), exp(mul(0.5, mul(y, y))))],
  logNdtr: ([x], y) => [mul(1 / Math.sqrt(2 * Math.PI), exp(sub(mul(-0.5, mul(x, x)), y)))],
  erfcx: ([x], y) => [sub(mul(2, mul(x, y)), TWO_OVER_SQRT_PI)],
  besselJ0: ([x]) => [neg(node('besselJ1', [x]))],
  besselJ1: ([x], y) => [where(eq(x, 0), 0.5, sub(node('besselJ0', [x]), div(y, x)))],
  besselY0: ([x]) => [neg(node('besselY1', [x]))],
  besselY1: ([x], y) => [sub(node('besselY0', [x]), div(y, x))],
  besselK0: ([x]) => [neg(node('besselK1', [x]))],
  besselK1: ([x], y) => [neg(add(node('besselK0', [x]), div(y, x)))],
  besselK0e: ([x], y) => [sub(y, node('besselK1e', [x]))],
  besselK1e: ([x], y) => [sub(sub(y, node('besselK0e', [x])), div(y, x))],
  // infinite at 0, as the entropy's slope is
  entr: ([x]) => [neg(add(log(x), 1))],
  relu: (_, y) => [step(y)],
  isnan: flat,
  isinf: flat,
  isfinite: flat,
  signbit: flat,
  logicalNot: flat,
  bitwiseNot: flat,
  // d/dx sin(πx)/(πx) = (cos(πx) - sinc(x)) / x
  sinc: ([x], y) => [where(eq(x, 0), 0, div(sub(cos(mul(Math.PI, x)), y), x))],
  softplus: ([x]) => [sigmoid(x)],
  step: flat,
  add: () => [lit(1), lit(1)],
  sub: () => [lit(1), lit(-1)],
  mul: ([a, b]) => [b, a],
  div: ([, b], y) => [recip(b), neg(div(y, b))],
  floorDiv: flat,
  truncDiv: flat,
  fmod: ([a, b]) => [lit(1), neg(trunc(div(a, b)))],
  remainder: ([a, b]) => [lit(1), neg(floor(div(a, b)))],
  // b·a^(b-1), zero for b = 0; a^b·ln a, zero where a = 0 and b >= 0
  pow: ([a, b], y) => [where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1)))), where(logicalAnd(eq(a, 0), ge(b, 0)), 0, mul(y, log(a)))],
  atan2: ([a, b]) => [div(b, add(mul(a, a), mul(b, b))), div(neg(a), add(mul(a, a), mul(b, b)))],
  max: ([a, b]) => [share(gt(a, b), eq(a, b)), share(lt(a, b), eq(a, b))],
  min: ([a, b]) => [share(lt(a, b), eq(a, b)), share(gt(a, b), eq(a, b))],
  fmax: ([a, b]) => [logicalOr(ge(a, b), isnan(b)), logicalNot(logicalOr(ge(a, b), isnan(b)))],
  fmin: ([a, b]) => [logicalOr(le(a, b), isnan(b)), logicalNot(logicalOr(le(a, b), isnan(b)))],
  copysign: ([a], y) => [where(eq(a, 0), 0, div(y, a)), null],
  hypot: ([a, b], y) => [div(a, y), div(b, y)],
  // a step of one unit in the last place
  nextafter: () => [lit(1), null],
  logaddexp: ([a, b]) => [sigmoid(sub(a, b)), sigmoid(sub(b, a))],
  logaddexp2: ([a, b]) => [sigmoid(mul(LN2, sub(a, b))), sigmoid(mul(LN2, sub(b, a)))],
  xlogy: ([a, b]) => [where(logicalAnd(eq(a, 0), le(b, 0)), 0, log(b)), div(a, b)],
  eq: flat,
  ne: flat,
  lt: flat,
  le: flat,
  gt: flat,
  ge: flat,
  bitAnd: flat,
  bitOr: flat,
  bitXor: flat,
  shl: flat,
  shr: flat,
  logicalAnd: flat,
  logicalOr: flat,
  logicalXor: flat,
  gcd: flat,
  lcm: flat,
  heaviside: flat,
  // d/dx P(a, x) = x^(a-1) e^-x / Γ(a); the derivative in a is not defined here, as in PyTorch
  igamma: ([a, x]) => [null, exp(sub(sub(mul(sub(a, 1), log(x)), x), lgamma(a)))],
  igammac: ([a, x]) => [null, neg(exp(sub(sub(mul(sub(a, 1), log(x)), x), lgamma(a))))],
  zeta: ([s, q]) => [null, neg(mul(s, zeta(add(s, 1), q)))],
  polygamma: ([n, x]) => [null, polygamma(add(n, 1), x)],
  where: ([c]) => [null, ne(c, 0), eq(c, 0)],
  fma: ([a, b]) => [b, a, lit(1)],
  // inside (bounds included) the gradient goes to x; outside, to the bound that holds
  clamp: ([x, lo, hi]) => [logicalAnd(ge(x, lo), le(x, hi)), logicalAnd(lt(x, lo), lt(lo, hi)), logicalOr(gt(x, hi), gt(lo, hi))],
  lerp: ([a, b, w]) => [sub(1, w), w, sub(b, a)],
  // polynomials in x of whole degree n (Abramowitz and Stegun, 22.8 and 22.5): each derivative is one of the same families
  chebyshevT: ([x, n]) => [mul(n, node('gegenbauer', [x, sub(n, 1), lit(1)])), null],
  hermite: ([x, n]) => [mul(mul(2, n), node('hermite', [x, sub(n, 1)])), null],
  hermiteHe: ([x, n]) => [mul(n, node('hermiteHe', [x, sub(n, 1)])), null],
  gegenbauer: ([x, n, l]) => [mul(mul(2, l), node('gegenbauer', [x, sub(n, 1), add(l, 1)])), null, null],
  laguerre: ([x, n, a]) => [neg(node('laguerre', [x, sub(n, 1), add(a, 1)])), null, null],
};

const masks = new Set<string>([
  'where',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'logicalAnd',
  'logicalOr',
  'logicalXor',
  'logicalNot',
  'isnan',
  'isinf',
  'isfinite',
  'step',
]);

/** adjoint · partial; a partial that is a mask selects, so that an infinite adjoint outside of it does no harm. */
function scaled(g: Expr, partial: Expr): Expr {
  if (partial.op !== 'where' && masks.has(partial.op)) return where(partial, g, 0);
  if (partial.op === 'where' && partial.args.some((a) => isLit(a, 0))) {
    const [c, a, b] = partial.args;
    return where(c, isLit(a, 0) ? 0 : scaled(g, a), isLit(b, 0) ? 0 : scaled(g, b));
  }
  // g / x and g · (1/x) differ in the last bit only; the division saves a step.
  if (partial.op === 'reciprocal') return div(g, partial.args[0]);
  return mul(g, partial);
}

/** The nodes of an expression, arguments before what uses them. */
export function order(root: Expr): Expr[] {
  const out: Expr[] = [];
  const seen = new Set<Expr>();
  const stack: [Expr, number][] = [[root, 0]];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const [e, i] = top;
    if (i === 0 && seen.has(e)) {
      stack.pop();
      continue;
    }
    seen.add(e);
    if (i < e.args.length) {
      top[1]++;
      if (!seen.has(e.args[i])) stack.push([e.args[i], 0]);
    } else {
      out.push(e);
      stack.pop();
    }
  }
  return out;
}

/**
 * Derivative of `root` times `g` for each input, by reverse differentiation. `y` stands for the value of `root` itself, so that
 * a saved result serves in place of a recomputation. null: does not depend on the input.
 */
export function differentiate(root: Expr, nIn: number, g: Expr, y: Expr): (Expr | null)[] {
  const adjoint = new Map<Expr, Expr>([[root, g]]);
  const sorted = order(root);
  for (let k = sorted.length - 1; k >= 0; k--) {
    const e = sorted[k];
    const a = adjoint.get(e);
    if (a === undefined || e.args.length === 0) continue;
    const partials = partialsOf[e.op as PrimitiveName](e.args, e === root ? y : e);
    e.args.forEach((arg, i) => {
      const p = partials[i];
      if (p === null || p === undefined || arg.op === 'lit' || arg.op === 'param') return;
      const term = scaled(a, p);
      const old = adjoint.get(arg);
      adjoint.set(arg, old === undefined ? term : add(old, term));
    });
  }
  return Array.from({ length: nIn }, (_, i) => adjoint.get(input(i)) ?? null);
}

/** Replaces inputs and parameters: `map` gives the new node for an 'in' or 'param', or undefined to keep it. */
export function substitute(root: Expr, map: (e: Expr) => Expr | undefined): Expr {
  const done = new Map<Expr, Expr>();
  for (const e of order(root)) {
    const leaf = e.args.length === 0 ? map(e) : undefined;
    done.set(
      e,
      leaf ??
        (e.args.length === 0
          ? e
          : node(
              e.op,
              e.args.map((a) => done.get(a) as Expr),
              e.value,
            )),
    );
  }
  return done.get(root) as Expr;
}

/** Which inputs an expression reads. */
export function inputsOf(root: Expr): Set<number> {
  return new Set(
    order(root)
      .filter((e) => e.op === 'in')
      .map((e) => e.value),
  );
}
