// Connectionist temporal classification (Graves et al., 2006): the likelihood of a label sequence over all alignments with the input.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, GradError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode, isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { fromTyped } from './create.ts';
import { checkReduction, type LossReduction } from './cross-entropy.ts';
import { div, eq, where } from './elementwise.ts';
import { cast, dense, empty } from './raw.ts';
import { numbersSync } from './read.ts';
import { mean, sum } from './reduce.ts';
import { squeeze, unsqueeze } from './view.ts';

export interface CTCOptions {
  /** Class of the blank. */
  blank?: number;
  /** 'mean' divides each loss by its target's length first. */
  reduction?: LossReduction;
  /** Replace infinite losses (targets longer than their input) and their gradients by 0. */
  zeroInfinity?: boolean;
}

/** Lengths of the sequences: one number for each. */
export type Lengths = Tensor | readonly number[];

function lengthsOf(name: string, what: string, lengths: Lengths, N: number, most: number): number[] {
  const list = lengths instanceof Tensor ? numbersSync(lengths) : [...lengths];
  if (list.length !== N) throw new ShapeError(`${name}: ${what} has ${list.length} number(s); expected one for each of ${N} sequence(s)`);
  const bad = list.find((v) => !Number.isInteger(v) || v < 0 || v > most);
  if (bad !== undefined) throw new ValueError(`${name}: ${what} holds ${bad}; lengths are whole numbers from 0 to ${most}`);
  return list;
}

const longs = (list: readonly number[]): Tensor => fromTyped(BigInt64Array.from(list, BigInt), [list.length]);

interface Problem {
  readonly T: number;
  readonly N: number;
  readonly C: number;
  readonly S: number;
  readonly blank: number;
  readonly targets: Tensor;
  readonly starts: Tensor;
  readonly targetLengths: Tensor;
  readonly inputLengths: Tensor;
}

function write(opcode: 34 | 35, q: Problem, logProbs: Tensor, nll: Tensor, alpha: Tensor): void {
  I[0] = opcode;
  I[2] = dtypeCode[logProbs.dtype];
  I[3] = q.T;
  I[4] = q.N;
  I[5] = q.C;
  I[6] = q.S;
  I[7] = q.blank;
  I[8] = logProbs.address;
  I[9] = q.targets.address;
  I[10] = q.starts.address;
  I[11] = q.targetLengths.address;
  I[12] = q.inputLengths.address;
  I[13] = nll.address;
  I[14] = alpha.address;
  I[15] = I[16] = I[17] = I[18] = 0;
}

/** Negative log-likelihood of each sequence, [N]. */
function negativeLogLikelihood(q: Problem, logProbs: Tensor, zeroInfinity: boolean): Tensor {
  const name = 'ctcLoss';
  const nll = empty([q.N], logProbs.dtype);
  const alpha = empty([q.N, q.T, 2 * q.S + 1], 'float64');
  if (q.N > 0) {
    const from = dense(logProbs);
    write(34, q, from, nll, alpha);
    run(name, 19);
  }
  if (mustRecord([logProbs])) {
    const { T, N, C, S, blank } = q;
    const lists = [q.targets, q.starts, q.targetLengths, q.inputLengths];
    record(
      name,
      [logProbs],
      [nll],
      [logProbs, nll, alpha, ...lists],
      ([g], [x, nll_, alpha_, targets, starts, targetLengths, inputLengths]) => {
        if (g === null) return [null];
        const kept: Problem = { T, N, C, S, blank, targets, starts, targetLengths, inputLengths };
        const dx = empty(x.shape, x.dtype);
        if (dx.numel > 0) {
          const [from, gd] = [dense(x), dense(g)];
          const scratch = empty([N, 2 * (2 * S + 1) + C], 'float64');
          write(35, kept, from, nll_, alpha_);
          I[15] = gd.address;
          I[16] = dx.address;
          I[17] = zeroInfinity ? 1 : 0;
          I[18] = scratch.address;
          run(`${name}Backward`, 19);
          scratch.dispose();
        }
        if (mustRecord([x, g]))
          record(`${name}Backward`, [x, g], [dx], [], () => {
            throw new GradError('ctcLoss: second derivatives are not available; take the first gradient without createGraph');
          });
        return [dx];
      },
    );
  }
  return nll;
}

/**
 * CTC loss: logProbs [T, N, C] (or [T, C]) of logSoftmax, targets [N, S] padded, or all of them one after another in 1-d, with a length for
 * each input and target -> a scalar ([N] for reduction 'none'). Targets hold classes other than the blank. Its gradient is that of a
 * log-softmax's output.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  { blank = 0, reduction = 'mean', zeroInfinity = false }: CTCOptions = {},
): Tensor {
  return composed(() => {
    const name = 'ctcLoss';
    checkReduction(name, reduction);
    if (!isFloating(logProbs.dtype)) throw new DTypeError(`${name}: logProbs is ${logProbs.dtype}; cast it with .to('float32')`);
    if (isFloating(targets.dtype) || targets.dtype === 'bool')
      throw new DTypeError(`${name}: targets is ${targets.dtype}; classes are integers, cast with .to('int64')`);
    if (logProbs.ndim === 2) {
      const one = (l: Lengths): Lengths => (l instanceof Tensor && l.ndim === 0 ? unsqueeze(l, 0) : l);
      const flat = targets.ndim === 1 ? unsqueeze(targets, 0) : targets;
      const loss = ctcLoss(unsqueeze(logProbs, 1), flat, one(inputLengths), one(targetLengths), { blank, reduction, zeroInfinity });
      return reduction === 'none' ? squeeze(loss, 0) : loss;
    }
    if (logProbs.ndim !== 3) throw new ShapeError(`${name}: logProbs is ${show(logProbs.shape)}; expected [T, N, C] or [T, C]`);
    const [T, N, C] = logProbs.shape;
    if (!Number.isInteger(blank) || blank < 0 || blank >= C) throw new ValueError(`${name}: blank ${blank} is no class; use 0 to ${C - 1}`);
    if (targets.ndim !== 1 && !(targets.ndim === 2 && targets.shape[0] === N))
      throw new ShapeError(
        `${name}: targets is ${show(targets.shape)}; expected [${N}, S], or all targets one after another in 1 dimension`,
      );
    const padded = targets.ndim === 2;
    const inputs = lengthsOf(name, 'inputLengths', inputLengths, N, T);
    const lengths = lengthsOf(name, 'targetLengths', targetLengths, N, padded ? targets.shape[1] : targets.numel);
    const total = lengths.reduce((a, b) => a + b, 0);
    if (!padded && !sameShape(targets.shape, [total]))
      throw new ShapeError(`${name}: targets has ${targets.numel} label(s), but targetLengths sum to ${total}`);
    let next = 0;
    const starts = lengths.map((n, i) => {
      if (padded) return i * targets.shape[1];
      next += n;
      return next - n;
    });
    const q: Problem = {
      T,
      N,
      C,
      S: Math.max(0, ...lengths),
      blank,
      targets: dense(cast(targets, 'int64')),
      starts: longs(starts),
      targetLengths: longs(lengths),
      inputLengths: longs(inputs),
    };
    let loss = negativeLogLikelihood(q, logProbs, zeroInfinity);
    if (zeroInfinity) loss = where(eq(loss, Number.POSITIVE_INFINITY), 0, loss);
    if (reduction === 'none') return loss;
    if (reduction === 'sum') return sum(loss);
    const divisors = Float64Array.from(lengths, (n) => Math.max(n, 1));
    return mean(div(loss, cast(fromTyped(divisors, [N]), loss.dtype)));
  });
}
