// Instructions as text, for DEBUG=3 and 4: every word under its name (docs/instruction-set.md), and the programs of EWISE and REDUCE.

const dtypes = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16', 'bfloat16'];
const computeTypes = ['float32', 'float64', 'int64'];
const reductions = ['sum', 'prod', 'max', 'min', 'any', 'all', 'argmax', 'argmin'];
const optimizerTail = 'weightDecay';

// One line for each opcode: its name, then its operands from word 2 on. `@x` is an address, `-` a word that is not shown, `dtype` a dtype.
const conv = 'dtype N Cin H W Cout KH KW SH SW PH PW DH DW groups OH OW @x @weight @y @bias activation @workspace workspaceBytes';
const pool = 'dtype kind planes H W KH KW SH SW PH PW DH DW OH OW @x @y @index countPadding divisor';
const softmax = 'dtype kind outer n inner @x @y @dy @dx';
const cross = 'dtype N C inner @logits @target @weight ignoreIndex labelSmoothing reduction @loss @lse @totalWeight @gradient @dlogits';
const row = 'dtype rows n inner period eps kind @x @weight @bias|dy @y|dx @mean @rstd @dweight @dbias';
const channel = 'dtype N C inner eps momentum training @x @weight @bias|dy @y|dx @mean @rstd @runningMean|dweight @runningVar|dbias';
const ctc =
  'dtype T N C S blank @logProbs @targets @starts @targetLengths @inputLengths @nll @alpha @dnll @dlogProbs zeroInfinity @scratch';
const recurrent =
  'dtype cell T N I H reverse @x @wIh @wHh @bIh @bHh @h0 @c0 @y rowStride @hLast @cLast @gates @cells @workspace ' +
  '@dy dyRowStride @dhLast @dcLast @dx @dwIh @dwHh @dbIh @dbHh @dh0 @dc0 @dgates addToDx';
const attention =
  'dtype B heads kvHeads L S E Ev scale causal dropout - - - - @q - - - @k - - - @v - - - @out - - - @lse @mask maskKind - - - - ' +
  '@dout - - - @dq - - - @dk - - - @dv - - -';
const instructions: Record<number, readonly [string, string]> = {
  3: ['MATMUL', 'dtype M N K @A aRow aColumn @B bRow bColumn @C cRow batchDims accumulate @bias activation biasAxis'],
  4: ['CONV_FORWARD', conv],
  5: ['CONV_INPUT_GRAD', conv],
  6: ['CONV_WEIGHT_GRAD', conv],
  7: ['POOL_FORWARD', pool],
  8: ['POOL_BACKWARD', pool],
  9: ['SOFTMAX_FORWARD', softmax],
  10: ['SOFTMAX_BACKWARD', softmax],
  11: ['CROSS_ENTROPY_FORWARD', cross],
  12: ['CROSS_ENTROPY_BACKWARD', cross],
  13: ['INDEX', 'mode dtype @self @values outerDims indexLength indices innerDims'],
  14: ['GATHER', 'mode dtype @self @index @values ndim dim size'],
  16: ['RANDOM', 'kind seedLow seedHigh offsetLow offsetHigh numel @out dtype a b'],
  17: ['SCAN', 'kind dtype outer n inner @x @y @index reverse'],
  18: ['SORT', 'dtype rows n @x @values @indices descending'],
  19: ['SGD', `dtype n @param @grad @momentum lr momentum dampening ${optimizerTail} nesterov maximize first`],
  20: ['ADAM', `dtype n @param @grad @expAvg @expAvgSq @maxExpAvgSq lr beta1 beta2 eps ${optimizerTail} decoupled maximize step`],
  21: ['RMSPROP', `dtype n @param @grad @squareAvg @gradAvg @momentum lr alpha eps ${optimizerTail} momentum maximize`],
  22: ['ADAGRAD', `dtype n @param @grad @sum lr eps ${optimizerTail} maximize`],
  23: ['ADADELTA', `dtype n @param @grad @squareAvg @accDelta lr rho eps ${optimizerTail} maximize`],
  30: ['ROW_NORM_FORWARD', row],
  31: ['ROW_NORM_BACKWARD', row],
  32: ['BATCH_NORM_FORWARD', channel],
  33: ['BATCH_NORM_BACKWARD', channel],
  34: ['CTC_FORWARD', ctc],
  35: ['CTC_BACKWARD', ctc],
  40: ['RECURRENT_FORWARD', recurrent],
  41: ['RECURRENT_BACKWARD', recurrent],
  42: ['ATTENTION_FORWARD', attention],
  43: ['ATTENTION_BACKWARD', attention],
  60: ['CHOLESKY', 'dtype batches n @A @info'],
  61: ['TRIANGULAR_SOLVE', 'dtype n m @A aRow aColumn @B bRow upper unit batchDims'],
  62: ['LU', 'dtype batches m n @A @pivots @info'],
};

const address = (n: number): string => (n === 0 ? 'none' : `@${n.toString(16)}`);
const number = (n: number): string => (Number.isInteger(n) ? String(n) : n.toPrecision(6).replace(/\.?0+$/, ''));
const list = (w: Float64Array, at: number, count: number): string => `[${[...w.subarray(at, at + count)].map(number).join(', ')}]`;

/** One line of names and values. */
function named(name: string, operands: string, w: Float64Array, o: number): string {
  const parts = [name];
  const end = w[o + 1];
  const names = operands.split(' ');
  for (let i = 0; i < names.length && i + 2 < end; i++) {
    const [what, v] = [names[i], w[o + 2 + i]];
    if (what === 'dtype') parts.push(dtypes[v] ?? `dtype ${v}`);
    else if (what.startsWith('@')) {
      if (v !== 0) parts.push(`${what.slice(1)} ${address(v)}`);
    } else if (what !== '-') parts.push(`${what} ${number(v)}`);
  }
  const at = 2 + names.length;
  if (at < end) parts.push(`then ${list(w, o + at, end - at)}`);
  return parts.join('  ');
}

function ewise(w: Float64Array, o: number): string {
  const [nIn, nOut, nConst, nd] = [w[o + 3], w[o + 4], w[o + 5], w[o + 6]];
  const shape = o + 9 + 2 * (nIn + nOut);
  const operand = (name: string, i: number): string => {
    const strides =
      nd > 1 ? ` strides ${list(w, shape + nd * (1 + i), nd)}` : nd === 1 && w[shape + 1 + i] !== 1 ? ` stride ${w[shape + 1 + i]}` : '';
    return `${name} ${dtypes[w[o + 10 + 2 * i]]} ${address(w[o + 9 + 2 * i])}${strides}`;
  };
  const parts = [`EWISE ${computeTypes[w[o + 8]]}`, `shape ${list(w, shape, nd)}`];
  for (let i = 0; i < nOut; i++) parts.push(operand(nOut === 1 ? 'out' : `out${i}`, i));
  for (let i = 0; i < nIn; i++) parts.push(operand(`in${i}`, nOut + i));
  const constants = shape + nd * (1 + nIn + nOut);
  if (nConst > 0) parts.push(`constants ${list(w, constants, nConst)}`);
  return parts.join('  ');
}

function reduce(w: Float64Array, o: number): string {
  const [nIn, nConst, kept, red] = [w[o + 3], w[o + 4], w[o + 5], w[o + 6]];
  const shape = o + 13 + 2 * nIn;
  const parts = [
    `REDUCE ${computeTypes[w[o + 7]]}`,
    reductions[w[o + 8]] ?? `reduction ${w[o + 8]}`,
    `kept ${list(w, shape, kept)}`,
    `reduced ${list(w, shape + kept, red)}`,
    `out ${dtypes[w[o + 10]]} ${address(w[o + 9])}`,
  ];
  const [ks, rs] = [shape + kept + red, shape + kept + red + nIn * kept];
  for (let i = 0; i < nIn; i++) {
    const strides = `strides ${list(w, ks + i * kept, kept)} ${list(w, rs + i * red, red)}`;
    parts.push(`in${i} ${dtypes[w[o + 14 + 2 * i]]} ${address(w[o + 13 + 2 * i])} ${strides}`);
  }
  if (w[o + 11] !== 0) parts.push(`index ${address(w[o + 11])}`);
  if (w[o + 12] !== 1) parts.push(`scale ${number(w[o + 12])}`);
  if (nConst > 0) parts.push(`constants ${list(w, rs + nIn * red, nConst)}`);
  return parts.join('  ');
}

/** The instruction at word `o`, every word under its name. One of an opcode that this file does not know is shown as numbers. */
export function decode(w: Float64Array, o: number): string {
  if (w[o] === 1) return ewise(w, o);
  if (w[o] === 2) return reduce(w, o);
  const known = instructions[w[o]];
  return known === undefined ? `opcode ${w[o]}  ${list(w, o + 2, w[o + 1] - 2)}` : named(known[0], known[1], w, o);
}

/** Names of the steps of programs by code, and how many operands each reads; set by the file that compiles programs. */
export const stepNames: { names: readonly string[]; arity: readonly number[] } = { names: [], arity: [] };

/** The program of an EWISE or REDUCE instruction at word `o`, one step a line; empty for other instructions. */
export function disassemble(w: Float64Array, o: number, memory: ArrayBufferLike): string[] {
  if (w[o] !== 1 && w[o] !== 2) return [];
  const [nIn, nOut, nConst] = [w[o + 3], w[o] === 1 ? w[o + 4] : 1, w[o] === 1 ? w[o + 5] : w[o + 4]];
  const p = new Float64Array(memory, w[o + 2]);
  const constants = o + w[o + 1] - nConst;
  const register = (r: number): string => (r < nIn ? `in${r}` : r < nIn + nConst ? number(w[constants + r - nIn]) : `t${r - nIn - nConst}`);
  const lines: string[] = [];
  for (let k = 0; k < p[0]; k++) {
    const [op, dst, ...args] = p.subarray(2 + nOut + 5 * k, 7 + nOut + 5 * k);
    const used = args.slice(0, stepNames.arity[op] ?? 3);
    lines.push(`${register(dst)} = ${stepNames.names[op] ?? `op ${op}`}(${used.map(register).join(', ')})`);
  }
  const results = [...p.subarray(2, 2 + nOut)].map(register);
  lines.push(`-> ${results.join(', ')}`);
  return lines;
}
