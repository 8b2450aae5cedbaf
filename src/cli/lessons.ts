// The lessons that `fathom run` knows. Each is loaded only when it runs.
import type { Lesson, LessonModule } from './context.ts';

// src/lessons/<name>.ts
async function load(name: string): Promise<LessonModule> {
  return (await import(`../lessons/${name}.ts`)) as LessonModule;
}

export const lessons: readonly Lesson[] = [
  {
    id: '3.4',
    name: 'linear-regression-scratch',
    title: 'Linear Regression Implementation from Scratch',
    dataset: 'synthetic',
    minutes: 0.1,
    load: () => load('linear-regression-scratch'),
  },
  {
    id: '3.5',
    name: 'linear-regression',
    title: 'Concise Implementation of Linear Regression',
    dataset: 'synthetic',
    minutes: 0.1,
    load: () => load('linear-regression'),
  },
  {
    id: '4.4',
    name: 'softmax-scratch',
    title: 'Softmax Regression Implementation from Scratch',
    dataset: 'Fashion-MNIST',
    minutes: 0.5,
    load: () => load('softmax-scratch'),
  },
  {
    id: '4.5',
    name: 'softmax',
    title: 'Concise Implementation of Softmax Regression',
    dataset: 'Fashion-MNIST',
    minutes: 0.5,
    load: () => load('softmax'),
  },
  {
    id: '7.6',
    name: 'lenet',
    title: 'Convolutional Neural Networks (LeNet)',
    dataset: 'Fashion-MNIST',
    minutes: 2,
    load: () => load('lenet'),
  },
];
