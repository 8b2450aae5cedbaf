// The lessons run through the command line's own context: what they reach, and how they end when training goes wrong or is stopped.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Lesson, LessonContext } from '../../src/cli/context.ts';
import { lessons } from '../../src/cli/lessons.ts';
import { runCli } from '../../src/cli/program.ts';
import { runtime } from '../../src/cli/runtime.ts';
import * as d2l from '../../src/d2l/index.ts';
import { runClassification } from '../../src/lessons/classify.ts';
import * as nn from '../../src/nn/index.ts';
import type { RunMetrics, RunRecord } from '../../src/report/index.ts';

let folder: string;
let stdout = '';
let stderr = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lessons-'));
  stdout = stderr = '';
  vi.stubEnv('FATHOM_DATA', '');
  vi.stubEnv('FATHOM_CACHE', join(folder, 'cache'));
  vi.stubEnv('FATHOM_OFFLINE', '1');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const out = (): string => join(folder, 'run');

function cli(list: readonly Lesson[], ...args: string[]): Promise<number> {
  return runCli([...args, '--out', out()], {
    lessons: list,
    runtime,
    version: '1.2.3',
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  });
}

const metrics = async (): Promise<RunMetrics> => JSON.parse(await readFile(join(out(), 'metrics.json'), 'utf8')) as RunMetrics;

const own = (run: (context: LessonContext) => Promise<RunRecord>): Lesson[] => [
  { id: '0.1', name: 'own', title: 'Own', dataset: 'Fashion-MNIST', minutes: 1, load: async () => ({ run }) },
];

describe('regression', () => {
  test.each([
    ['linear-regression-scratch', 0.3],
    ['linear-regression', 0.05],
  ])('%s finds the weights to %d', async (name, error) => {
    expect(await cli(lessons, 'run', name)).toBe(0);
    const { final, epochs, data } = await metrics();
    expect(final['w_error']).toBeLessThan(error);
    expect(final['b_error']).toBeLessThan(error);
    expect([epochs.length, data.source]).toEqual([3, 'generated']);
  });

  test('weight-decay: three trainings with figures of their own; decay keeps the weights smaller', async () => {
    expect(await cli(lessons, 'run', '3.7')).toBe(0);
    const { final, curves, epochs } = await metrics();
    expect(curves.map(({ group, name }) => `${group} ${name}`)).toEqual(
      ['no decay', 'penalty', 'optimizer'].flatMap((group) => [`${group} train_loss`, `${group} val_loss`]),
    );
    expect(final['penalty: ½|w|²']).toBeLessThan(0.5 * (final['no decay: ½|w|²'] as number));
    expect(Object.keys(epochs[9]!.metrics)).toEqual(['no decay val_loss', 'penalty val_loss', 'optimizer val_loss']);
    const page = await readFile(join(out(), 'report.html'), 'utf8');
    expect(page.match(/<figure>/g)).toHaveLength(3);
  });

  test('the same seed gives the same numbers', async () => {
    await cli(lessons, 'run', '3.5', '--seed', '4');
    const { final } = await metrics();
    await cli(lessons, 'run', '3.5', '--seed', '4');
    expect((await metrics()).final).toEqual(final);
    await cli(lessons, 'run', '3.5', '--seed', '5');
    expect((await metrics()).final).not.toEqual(final);
  });
});

/** A classification lesson that takes a second or two. */
const classification = (model: (lr: number) => d2l.Classifier, lr: number) => (context: LessonContext) =>
  runClassification(
    { ...context, quick: true },
    {
      lesson: { id: '0.1', name: 'own', title: 'Own' },
      batchSize: 500,
      epochs: 1,
      settings: { 'learning rate': lr },
      model: ([x]) => {
        const built = model(lr);
        built.applyInit([x!]);
        return built;
      },
    },
  );

describe('classification', () => {
  test('trains on the stand-in, says so in one line, and leaves report, metrics and model', async () => {
    const run = classification((lr) => new d2l.SoftmaxRegression({ numOutputs: 10, lr }), 0.1);
    expect(await cli(own(run), 'run', 'own', '--epochs', '2')).toBe(0);
    expect(stdout.split('\n').filter((line) => line.startsWith('procedural stand-in for Fashion-MNIST'))).toHaveLength(1);
    expect((await readdir(out())).sort()).toEqual(['metrics.json', 'model.safetensors', 'report.html']);
    const { final, confusion, images, data } = await metrics();
    expect(final['val_acc']).toBeGreaterThan(0.4);
    expect([data.source, images.length]).toEqual(['stand-in', 24]);
    const all = confusion!.counts.flat().reduce((sum, n) => sum + n, 0);
    const right = confusion!.counts.reduce((sum, row, i) => sum + row[i]!, 0);
    expect(all).toBe(1000);
    expect(right / all).toBeCloseTo(final['val_acc'] as number, 5);
  });

  test('NaN in the loss: an error in one line with the cure, exit code 1, a report that says so, and no model', async () => {
    const run = classification((lr) => new d2l.SoftmaxRegression({ numOutputs: 10, lr }), 1e38);
    expect(await cli(own(run), 'run', 'own')).toBe(1);
    expect(stderr).toMatch(/^error: training: the loss is (NaN|Infinity) at step \d+ \(epoch 1\); use a smaller learning rate[^\n]*\n$/);
    expect((await metrics()).status).toBe('diverged');
    expect((await readdir(out())).sort()).toEqual(['metrics.json', 'report.html']);
  });

  test('an impossible shape: an error in one line that names both shapes, exit code 1, nothing written', async () => {
    class Wrong extends d2l.SoftmaxRegression {
      override net = new nn.Sequential(new nn.Flatten(), new nn.Linear(100, 10));
    }
    const run = classification((lr) => new Wrong({ numOutputs: 10, lr }), 0.1);
    expect(await cli(own(run), 'run', 'own')).toBe(1);
    expect(stderr).toMatch(/^error: ShapeError: [^\n]*784[^\n]*100[^\n]*\n$/);
    expect(await readdir(out())).toEqual([]);
  });
});
