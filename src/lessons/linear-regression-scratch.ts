// Section 3.4: linear regression from scratch.

import type { LessonContext } from '../cli/context.ts';
import { LinearRegressionScratch } from '../d2l/index.ts';
import type { RunRecord } from '../report/index.ts';
import { runRegression } from './regress.ts';

/** Trains a line whose parameters, loss and optimizer are written out. */
export function run(context: LessonContext): Promise<RunRecord> {
  return runRegression(context, {
    lesson: { id: '3.4', name: 'linear-regression-scratch', title: 'Linear regression from scratch' },
    model: () => new LinearRegressionScratch({ numInputs: 2, lr: 0.03 }),
    estimates: (model) => [(model as LinearRegressionScratch).w.detach(), (model as LinearRegressionScratch).b.detach()],
  });
}
