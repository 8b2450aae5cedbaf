// The lessons that `fathom run` knows. Each is loaded only when it runs.
import type { Lesson } from './context.ts';

export const lessons: readonly Lesson[] = [
  {
    id: '3.4',
    name: 'linear-regression-scratch',
    title: 'Linear Regression Implementation from Scratch',
    dataset: 'synthetic',
    minutes: 0.1,
    load: () => import('../lessons/linear-regression-scratch.ts'),
  },
  {
    id: '3.5',
    name: 'linear-regression',
    title: 'Concise Implementation of Linear Regression',
    dataset: 'synthetic',
    minutes: 0.1,
    load: () => import('../lessons/linear-regression.ts'),
  },
  {
    id: '3.7',
    name: 'weight-decay',
    title: 'Weight Decay',
    dataset: 'synthetic',
    minutes: 0.1,
    load: () => import('../lessons/weight-decay.ts'),
  },
  {
    id: '4.4',
    name: 'softmax-scratch',
    title: 'Softmax Regression Implementation from Scratch',
    dataset: 'Fashion-MNIST',
    minutes: 0.5,
    load: () => import('../lessons/softmax-scratch.ts'),
  },
  {
    id: '4.5',
    name: 'softmax',
    title: 'Concise Implementation of Softmax Regression',
    dataset: 'Fashion-MNIST',
    minutes: 0.5,
    load: () => import('../lessons/softmax.ts'),
  },
  {
    id: '7.6',
    name: 'lenet',
    title: 'Convolutional Neural Networks (LeNet)',
    dataset: 'Fashion-MNIST',
    minutes: 2,
    load: () => import('../lessons/lenet.ts'),
  },
];
