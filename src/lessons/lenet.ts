// Section 7.6: LeNet on Fashion-MNIST.

import type { LessonContext } from '../cli/context.ts';
import { initCnn, LeNet } from '../d2l/index.ts';
import type { RunRecord } from '../report/index.ts';
import { runClassification } from './classify.ts';

/** Trains LeNet with sigmoids, average pooling and Xavier initialisation in the book's setting. */
export function run(context: LessonContext): Promise<RunRecord> {
  const lr = 0.1;
  return runClassification(context, {
    lesson: { id: '7.6', name: 'lenet', title: 'LeNet on Fashion-MNIST' },
    batchSize: 128,
    epochs: 10,
    quickNote: 'LeNet with sigmoids stays near an accuracy of 0.1 for its first thousand steps; run it without --quick to watch it learn.',
    settings: { 'learning rate': lr, optimizer: 'SGD', initialiser: 'Xavier uniform' },
    model: ([x]) => {
      const model = new LeNet({ lr });
      model.applyInit([x], initCnn);
      return model;
    },
  });
}
