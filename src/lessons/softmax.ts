// Section 4.5: softmax regression from layers.

import type { LessonContext } from '../cli/context.ts';
import { SoftmaxRegression } from '../d2l/index.ts';
import type { RunRecord } from '../report/index.ts';
import { runClassification } from './classify.ts';

/** Trains a linear classifier with the fused, numerically stable cross-entropy. */
export function run(context: LessonContext): Promise<RunRecord> {
  const lr = 0.1;
  return runClassification(context, {
    lesson: { id: '4.5', name: 'softmax', title: 'Softmax regression' },
    batchSize: 256,
    epochs: 10,
    settings: { 'learning rate': lr, optimizer: 'SGD' },
    model: ([x]) => {
      const model = new SoftmaxRegression({ numOutputs: 10, lr });
      model.applyInit([x]);
      return model;
    },
  });
}
