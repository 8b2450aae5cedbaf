// The fathom command with lessons of the test's own: exit codes, messages, what goes to which stream, Ctrl-C.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Lesson, LessonContext } from '../../src/cli/context.ts';
import { breather } from '../../src/cli/interrupt.ts';
import { lessons as realLessons } from '../../src/cli/lessons.ts';
import { runCli } from '../../src/cli/program.ts';
import { editDistance, nearest } from '../../src/cli/suggest.ts';
import type { RunRecord } from '../../src/report/index.ts';

let folder: string;
let stdout: string;
let stderr: string;
let seen: LessonContext | undefined;
let during: (context: LessonContext, step: number) => void = () => undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
  stdout = '';
  stderr = '';
  seen = undefined;
  during = () => undefined;
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const facts = { device: 'wasm', reason: 'no compiler', variant: 'simd', threads: 2, hardwareThreads: 2, limit: 2 ** 32 };
const lesson: Lesson = {
  id: '7.6',
  name: 'lenet',
  title: 'LeNet',
  dataset: 'Fashion-MNIST',
  minutes: 1,
  load: async () => ({
    async run(context): Promise<RunRecord> {
      seen = context;
      const epochs = context.epochs ?? 2;
      context.progress.start({ title: 'LeNet', epochs, stepsPerEpoch: 5, settings: { lr: 0.1 } });
      for (let epoch = 1; epoch <= epochs && !context.signal.aborted; epoch++) {
        for (let step = 1; step <= 5 && !context.signal.aborted; step++) {
          during(context, (epoch - 1) * 5 + step);
          context.progress.step({ epoch, step });
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (!context.signal.aborted) context.progress.epoch({ epoch, metrics: { val_loss: 1 / epoch, val_acc: 0.5 }, seconds: 0.1 });
      }
      return {
        lesson: { id: '7.6', name: 'lenet', title: 'LeNet' },
        status: 'completed',
        startedAt: new Date().toISOString(),
        version: '1.2.3',
        settings: {},
        data: { name: 'Fashion-MNIST', source: 'stand-in' },
        curves: [],
        epochs: [],
        warnings: [],
        timings: { totalSeconds: 0 },
      };
    },
  }),
};

function cli(...args: string[]): Promise<number> {
  return runCli(args, {
    lessons: [lesson],
    runtime: { prepare: async () => facts, facts: async () => facts },
    version: '1.2.3',
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  });
}

describe('run', () => {
  test('hands the options to the lesson and fills in the record from what it reported', async () => {
    expect(await cli('run', '7.6', '--epochs', '3', '--seed', '5', '--out', folder, '--data', folder, '--quick')).toBe(0);
    expect(seen).toMatchObject({ device: 'wasm', epochs: 3, seed: 5, out: folder, data: folder, quick: true, json: false });
    const metrics = JSON.parse(await readFile(join(folder, 'metrics.json'), 'utf8'));
    expect(metrics).toMatchObject({
      status: 'completed',
      settings: { device: 'wasm (simd)', threads: 2, seed: 5, epochs: 3, lr: 0.1 },
      final: { val_acc: 0.5 },
    });
    expect(metrics.epochs).toHaveLength(3);
    expect(metrics.curves).toHaveLength(2);
    expect(metrics.warnings).toHaveLength(2);
    expect(stdout).toMatch(/epoch 3\/3 .*val acc 0\.500/);
    expect(stdout).toContain(`report   ${join(folder, 'report.html')}`);
    expect(stderr).toBe('');
  });

  test('--json: standard output is one JSON object and nothing else', async () => {
    during = ({ out }, step) => {
      if (step === 10) void writeFile(join(out, 'model.safetensors'), 'x');
    };
    expect(await cli('run', 'lenet', '--json', '--out', folder)).toBe(0);
    expect(stdout.trim()).not.toContain('\n');
    const object = JSON.parse(stdout);
    expect(object).toMatchObject({
      status: 'completed',
      final: { val_loss: 0.5 },
      files: { report: join(folder, 'report.html'), model: join(folder, 'model.safetensors') },
    });
    expect(stderr).toContain('epoch 2/2');
  });

  test('Ctrl-C: the run stops after the step, the report is written, the exit code is 130', async () => {
    during = (_, step) => {
      if (step === 7) process.emit('SIGINT');
      if (step === 7) process.emit('SIGINT'); // npm passes the same press on a second time
    };
    expect(await cli('run', 'lenet', '--out', folder, '--epochs', '4')).toBe(130);
    const metrics = JSON.parse(await readFile(join(folder, 'metrics.json'), 'utf8'));
    expect(metrics.status).toBe('stopped');
    expect(metrics.epochs).toHaveLength(1);
    expect(metrics.warnings.join()).toContain('stopped after 1 of 4 whole epochs');
    expect(stdout).toContain('Stopping after this step');
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  test('a lesson may leave by throwing the reason of the signal; the report is made from what it reported', async () => {
    during = ({ signal }, step) => {
      if (step === 8) process.emit('SIGINT');
      signal.throwIfAborted();
    };
    expect(await cli('run', 'lenet', '--out', folder)).toBe(130);
    expect(JSON.parse(await readFile(join(folder, 'metrics.json'), 'utf8'))).toMatchObject({
      status: 'stopped',
      data: { source: 'unknown' },
      final: { val_loss: 1 },
    });
  });

  test('a failing lesson is one line, exit code 1; DEBUG=1 shows the stack', async () => {
    during = () => {
      throw new TypeError('boom\n  and more');
    };
    expect(await cli('run', 'lenet', '--out', folder)).toBe(1);
    expect(stderr).toBe('error: TypeError: boom and more\n');
    vi.stubEnv('DEBUG', '1');
    await cli('run', 'lenet', '--out', folder);
    expect(stderr).toContain('cli.test.ts');
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  test.each([
    [['run', 'lenett'], /^error: there is no lesson 'lenett'\. Did you mean 'lenet'\?/],
    [['run', 'xyzzy'], /^error: there is no lesson 'xyzzy'\. 'fathom list' shows them all\.\n$/],
    [['rnu'], /^error: there is no command 'rnu'\. Did you mean 'run'\?/],
    [['lenet'], /Did you mean 'fathom run lenet'\?/],
    [['run'], /^error: missing required argument/],
    [['run', 'lenet', '--epochs', '0'], /whole number of at least 1/],
    [['run', 'lenet', '--seed', '1.5'], /whole number of at least 0/],
    [['run', 'lenet', '--epoch', '1'], /unknown option '--epoch' \(Did you mean --epochs\?\)/],
    [['run', 'lenet', '--data', '/nowhere/at/all'], /--data: '\/nowhere\/at\/all' is not a folder/],
    [['run', 'lenet', '--out', '/dev/null/x'], /--out: the folder .* cannot be made/],
  ])('%j is a usage error in one line', async (args, message) => {
    expect(await cli(...args)).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
    expect(stdout).toBe('');
  });
});

describe('the other commands', () => {
  test('list, as a table and as JSON', async () => {
    expect(await cli('list')).toBe(0);
    expect(stdout).toMatch(/7\.6 +lenet +LeNet +Fashion-MNIST +1 min/);
    stdout = '';
    await cli('list', '--json');
    expect(JSON.parse(stdout)).toEqual([{ id: '7.6', name: 'lenet', title: 'LeNet', dataset: 'Fashion-MNIST', minutes: 1 }]);
  });

  test('doctor: facts, and exit code 1 with a cure where something is wrong', async () => {
    vi.stubEnv('FATHOM_DATA', folder);
    expect(await cli('doctor')).toBe(0);
    expect(stdout).toMatch(/fathom +1\.2\.3/);
    expect(stdout).toMatch(/device +wasm: no compiler/);
    expect(stdout).toMatch(/kernels +simd/);
    expect(stdout).toContain('All is well.');
    vi.stubEnv('FATHOM_DATA', '/nowhere/at/all');
    stdout = '';
    expect(await cli('doctor')).toBe(1);
    expect(stdout).toMatch(/! data .*not a readable folder\n +cure: correct FATHOM_DATA/);
    stdout = '';
    await cli('doctor', '--json');
    expect(JSON.parse(stdout)).toContainEqual({ name: 'fathom', value: '1.2.3' });
  });

  test('help and version', async () => {
    expect(await cli('--version')).toBe(0);
    expect(stdout).toBe('1.2.3\n');
    for (const args of [[], ['--help'], ['help', 'run'], ['run', '--help']]) {
      stdout = '';
      expect(await cli(...args)).toBe(0);
      expect(stdout).toMatch(/^Usage: fathom/);
    }
    expect(stdout).toContain('Ctrl-C');
    expect(stderr).toBe('');
  });
});

test('every lesson in the list has its own number and name', () => {
  expect(new Set(realLessons.flatMap(({ id, name }) => [id, name])).size).toBe(2 * realLessons.length);
});

test('the nearest name', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(nearest('softmx', ['softmax', 'softmax-scratch', 'lenet'])).toBe('softmax');
  expect(nearest('scratch', ['softmax', 'softmax-scratch'])).toBe('softmax-scratch');
  expect(nearest('7.5', ['7.6', '3.4'])).toBe('7.6');
  expect(nearest('zzz', ['lenet'])).toBeUndefined();
  expect(nearest('', ['lenet'])).toBeUndefined();
});

test('breathe lets timers through inside a busy loop, and costs little between', async () => {
  const breathe = breather(5);
  let fired = false;
  setTimeout(() => (fired = true), 1);
  const end = performance.now() + 60;
  while (performance.now() < end) await breathe();
  expect(fired).toBe(true);
});
