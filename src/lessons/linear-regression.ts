// Section 3.5: linear regression from layers.

import type { LessonContext } from '../cli/context.ts';
import { LinearRegression } from '../d2l/index.ts';
import type { RunRecord } from '../report/index.ts';
import { runRegression } from './regress.ts';

/** Trains a line from a lazy layer, the built-in loss and the built-in optimizer. */
export function run(context: LessonContext): Promise<RunRecord> {
  return runRegression(context, {
    lesson: { id: '3.5', name: 'linear-regression', title: 'Linear regression from layers' },
    model: (inputs) => {
      const model = new LinearRegression({ lr: 0.03 });
      model.applyInit([inputs]);
      return model;
    },
    estimates: (model) => (model as LinearRegression).getWB(),
  });
}
