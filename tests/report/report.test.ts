// The report of a run: complete, self-contained, honest about what went wrong, and safe with any text.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plot } from '../../src/plot/index.ts';
import { html, raw } from '../../src/report/html.ts';
import { examine, type RunMetrics, type RunRecord, renderReport, runMetrics, writeReport } from '../../src/report/index.ts';

const epochs = [1, 2, 3].map((epoch) => ({
  epoch,
  seconds: 1.5,
  metrics: { train_loss: 1 / epoch, val_loss: 1.1 / epoch, val_acc: 0.2 * epoch },
}));
const base: RunRecord = {
  lesson: { id: '7.6', name: 'lenet', title: 'LeNet' },
  status: 'completed',
  startedAt: '2025-01-02T03:04:05.678Z',
  version: '1.2.3',
  settings: { device: 'wasm', threads: 2, seed: 0, epochs: 3, batchSize: 128 },
  data: { name: 'Fashion-MNIST', source: 'real', trainExamples: 60000 },
  curves: [
    { name: 'train_loss', points: epochs.map(({ epoch }) => ({ x: epoch, y: 1 / epoch })) },
    { name: 'val_acc', points: epochs.map(({ epoch }) => ({ x: epoch, y: 0.2 * epoch })) },
  ],
  epochs,
  images: [
    { pixels: new Float32Array(16).fill(0.5), width: 4, height: 4, predicted: 'coat', truth: 'coat', correct: true },
    { pixels: new Uint8Array(48).fill(9), width: 4, height: 4, channels: 3, predicted: 'bag', truth: 'shirt', correct: false },
  ],
  summary: [{ layer: '0 Linear', outputShape: [1, 10], parameters: 7850 }],
  warnings: [],
  timings: { totalSeconds: 4.56, examplesPerSecond: 39999.6 },
};

test('holds the sentence, both figures, images, tables, settings and the command', async () => {
  const page = await renderReport(base);
  expect(page).toMatch(/^<!doctype html>/);
  const text = page.replace(/<style>[\s\S]*?<\/style>|<[^>]+>/g, '');
  expect(text).toContain(
    'Trained for 3 epochs on Fashion-MNIST: validation accuracy 60.0 % and validation loss 0.367. It took 4.6 s on wasm with 2 threads.',
  );
  for (const part of [
    'Figure 1.',
    'Figure 2.',
    '✓ coat',
    '✗ bag',
    'is shirt',
    '1 of these 2',
    '0 Linear',
    '1 × 10',
    '7\u2009850',
    'batch size',
    '60\u2009000 to train on',
    '2025-01-02 03:04:05 UTC',
    '40\u2009000 examples/s',
    'npx fathom run lenet --epochs 3 --seed 0',
  ]) {
    expect(text).toContain(part);
  }
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(2);
});

test('needs nothing from outside and repeats no id', async () => {
  const page = await renderReport({
    ...base,
    figures: [
      { title: 'Again', figure: plot([1, 2], null, { xlim: [0.2, 0.8] }) },
      { title: 'And again', figure: plot([2, 1], null, { xlim: [0.2, 0.8] }) },
    ],
  });
  expect(page.replaceAll(/http:\/\/www\.w3\.org\/[\w/]*/g, '')).not.toMatch(/https?:\/\/|src="(?!data:)|<link|<script|@import|url\((?!#)/);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('text from outside is escaped', async () => {
  const nasty = '<script>alert("x")</script>&';
  const page = await renderReport({
    ...base,
    lesson: { ...base.lesson, title: nasty },
    warnings: [nasty],
    data: { ...base.data, name: nasty },
    images: [{ ...base.images![1]!, predicted: nasty, truth: nasty }],
  });
  expect(page).not.toContain('<script');
  expect(html`<p>${'<'}${raw('<b>')}${[1, false, null, undefined, html`<i>`]}</p>`.text).toBe('<p>&lt;<b>1<i></p>');
});

test('stand-in data, an early stop and NaN each give a warning; NaN makes the run diverged', () => {
  const points = [
    { x: 1, y: 2 },
    { x: 1.5, y: Number.NaN },
  ];
  const run = examine({
    ...base,
    status: 'completed',
    data: { name: 'MNIST', source: 'stand-in' },
    curves: [{ name: 'train_loss', points }],
  });
  expect(run.status).toBe('diverged');
  expect(run.warnings).toHaveLength(2);
  expect(run.warnings.join()).toMatch(/stand-in.*train loss is not a finite number from epoch 1.5 on/);
  const stopped = examine({ ...base, status: 'stopped', epochs: epochs.slice(0, 1) });
  expect(stopped.warnings).toEqual(['The run was stopped after 1 of 3 whole epochs; the numbers are those of the state it had reached.']);
  expect(examine(stopped).warnings).toHaveLength(1);
  expect(examine(base)).toEqual(base);
});

test('a run of nothing still gives a page', async () => {
  const page = await renderReport(
    examine({
      ...base,
      status: 'stopped',
      curves: [],
      epochs: [],
      images: [],
      summary: [],
      settings: {},
      data: { name: 'MNIST', source: 'unknown' },
    }),
  );
  expect(page).toContain('Stopped early on MNIST');
  expect(page).not.toMatch(/NaN|undefined|<svg/);
});

test('an extra figure that cannot be drawn leaves the rest of the page alone', async () => {
  const broken = { ...plot([1]), toSVG: () => Promise.reject(new Error('no such mark')) } as never;
  expect(await renderReport({ ...base, figures: [{ title: 'Broken', figure: broken }] })).toContain('could not be drawn: no such mark');
});

test('writeReport: two whole files, NaN as null, the documented shape', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'report-'));
  const out = join(folder, 'runs', 'lenet');
  const run: RunRecord = { ...base, epochs: [...epochs, { epoch: 4, seconds: 1, metrics: { train_loss: Number.NaN } }] };
  const written = await writeReport(out, run);
  expect((await readdir(out)).sort()).toEqual(['metrics.json', 'report.html']);
  const metrics = JSON.parse(await readFile(written.metrics, 'utf8')) as RunMetrics;
  expect(metrics).toEqual(runMetrics(examine(run)));
  expect(metrics).toMatchObject({
    schema: 'fathom.run/1',
    lesson: { name: 'lenet' },
    status: 'completed',
    final: { train_loss: null },
    parameters: 7850,
    images: [{ correct: true }, { predicted: 'bag' }],
  });
  expect(metrics.curves[0]).toEqual({
    name: 'train_loss',
    points: [
      [1, 1],
      [2, 0.5],
      [3, 0.3333333],
    ],
  });
  await rm(folder, { recursive: true });
});

test('pixels that do not fit their sizes reject, and metrics.json is there all the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'report-'));
  await expect(writeReport(folder, { ...base, images: [{ ...base.images![0]!, width: 5 }] })).rejects.toThrow(/5 x 4 x 1 needs 20/);
  expect(await readdir(folder)).toEqual(['metrics.json']);
  await rm(folder, { recursive: true });
});
