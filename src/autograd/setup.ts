// Gives the engine the few operations that it needs, so that autograd does not import the operations.

import { to } from '../ops/cast.ts';
import { apply } from '../ops/elementwise-apply.ts';
import { copy, empty, ewise, fill, loadProgram, type Program } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { input, add as sum } from '../ops/scalar.ts';
import { clone } from '../ops/view.ts';
import { computeTypeOf } from '../tensor/dtype.ts';
import { anomalyReads } from './anomaly.ts';
import { gradOps } from './engine.ts';
import { isGradEnabled } from './mode.ts';

const addition = { name: 'add', doc: 'Sum of gradients.', arity: 2, expr: sum(input(0), input(1)), dtype: 'same' } as const;
let addProgram: Program | null = null;

gradOps.ops = {
  add: (a, b) => apply(addition, [a, b]),
  addInPlace(a, b) {
    addProgram ??= loadProgram([addition.expr], 2);
    ewise('accumulate', addProgram, [a], [a, b], [], computeTypeOf[a.dtype]);
    a.storage.version++;
  },
  fill(like, value) {
    const t = empty(like.shape, like.dtype);
    fill(t, value);
    return t;
  },
  zeros(shape, dtype) {
    const t = empty(shape, dtype);
    fill(t, 0);
    return t;
  },
  clone: (a) => (isGradEnabled() ? clone(a) : copy(a)),
  cast: to,
};

anomalyReads.numbers = numbersSync;
