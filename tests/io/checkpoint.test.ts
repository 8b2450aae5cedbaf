// Checkpoints: everything comes back, damage is survived, and a run that is killed at any moment ends as if it had not been.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as d2l from '../../src/d2l/index.ts';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import { defaultGenerator, Generator, manualSeed, rand, randn, ShapeError, type Tensor, tensor, ValueError } from '../../src/index.ts';
import { FormatError, LoadError, loadCheckpoint, loadTorch, previousCheckpoint, saveCheckpoint } from '../../src/io/index.ts';
import { openZip } from '../../src/io/zip.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { uniform } from '../../src/runtime/random.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-checkpoint-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  net: nn.Sequential;
  optimizer: optim.Adam;
  scheduler: optim.lrScheduler.StepLR;
  train(steps: number): number[];
}

function run(): Run {
  const net = new nn.Sequential(new nn.Linear(3, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.5), new nn.Linear(8, 1));
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.1, amsgrad: true });
  const scheduler = new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 });
  const train = (steps: number): number[] =>
    Array.from({ length: steps }, () => {
      const loss = net(randn([16, 3]))
        .square()
        .mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      scheduler.step();
      return loss.itemSync();
    });
  return { net, optimizer, scheduler, train };
}
const parts = ({ net, optimizer, scheduler }: Run): Parameters<typeof loadCheckpoint>[1] => ({ model: net, optimizer, scheduler });

describe('saveCheckpoint and loadCheckpoint', () => {
  it('a run goes on bit by bit in another network, with its optimizer, schedule and random numbers', async () => {
    const path = join(folder, 'on.ckpt');
    manualSeed(7);
    const a = run();
    a.train(5);
    const own = new Generator(3);
    own.take(10);
    await saveCheckpoint(path, {
      ...parts(a),
      generators: { own },
      epoch: 2,
      step: 5,
      user: { best: 0.5, names: ['x'], mean: tensor([1, 2]), none: null },
    });
    const want = a.train(4);
    manualSeed(99);
    const b = run();
    b.train(2);
    const other = new Generator(1);
    const { epoch, step, user, fallback } = await loadCheckpoint(path, { ...parts(b), generators: { own: other } });
    expect([epoch, step, fallback, other.state()]).toEqual([2, 5, undefined, { seed: 3, offset: 10 }]);
    const { best, names, mean, none } = user as { best: number; names: string[]; mean: Tensor; none: null };
    expect([best, names, mean.numbersSync(), none]).toEqual([0.5, ['x'], [1, 2], null]);
    expect(b.train(4)).toEqual(want);
  });

  it('values are those at the call, though training goes on before the file is written', async () => {
    const path = join(folder, 'early.ckpt');
    const a = run();
    const before = a.net.parameters()[0].clone();
    const saving = saveCheckpoint(path, { model: a.net });
    a.train(3);
    await saving;
    const b = run();
    await loadCheckpoint(path, { model: b.net });
    expect(b.net.parameters()[0].equal(before)).toBe(true);
  });

  it('PyTorch reads it: the optimizer numbers its parameters', async () => {
    const path = join(folder, 'torch.ckpt');
    const a = run();
    a.train(1);
    await saveCheckpoint(path, parts(a) ?? {});
    const file = (await loadTorch(path)) as Map<string, Map<string, unknown>>;
    const numbered = file.get('optimizer')?.get('state') as Map<number, unknown>;
    expect([...numbered.keys()]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...(file.get('model')?.keys() ?? [])]).toContain('1.running_mean');
  });

  it('a damaged file is replaced by the one before it; a damaged one never becomes the one before', async () => {
    const path = join(folder, 'damaged.ckpt');
    const a = run();
    for (let epoch = 1; epoch <= 2; epoch++) await saveCheckpoint(path, { model: a.net, epoch });
    const size = (await stat(path)).size;
    const damage: (() => Promise<void>)[] = [
      () => truncate(path, size - 1),
      () => truncate(path, size / 2),
      () => writeFile(path, ''),
      async () => {
        const bytes = await readFile(path);
        const weights = openZip(bytes).entries.find((e) => e.name === 'archive/data/0');
        bytes[weights?.begin ?? 0] ^= 1;
        await writeFile(path, bytes);
      },
      () => rm(path),
    ];
    for (const hurt of damage) {
      await rm(path, { force: true });
      await saveCheckpoint(path, { model: a.net, epoch: 8 });
      await saveCheckpoint(path, { model: a.net, epoch: 9 });
      await hurt();
      const { epoch, path: from, fallback } = await loadCheckpoint(path, { model: a.net });
      expect([epoch, from]).toEqual([8, previousCheckpoint(path)]);
      expect(fallback).toContain(path);
      await saveCheckpoint(path, { model: a.net, epoch: 10 });
      expect((await loadCheckpoint(previousCheckpoint(path))).epoch).toBe(8);
      expect((await loadCheckpoint(path)).epoch).toBe(10);
    }
  });

  it('errors: nothing there, no checkpoint, parts that are missing or do not fit', async () => {
    const path = join(folder, 'errors.ckpt');
    const missing = await loadCheckpoint(path).catch((e: unknown) => e);
    expect(missing instanceof LoadError && missing.missing).toBe(true);
    await writeFile(path, 'no checkpoint');
    await expect(loadCheckpoint(path)).rejects.toBeInstanceOf(FormatError);
    const a = run();
    await saveCheckpoint(path, { model: a.net });
    await expect(loadCheckpoint(path, { optimizer: a.optimizer })).rejects.toThrow(/holds no optimizer; it has fathom_checkpoint, epoch,/);
    await expect(loadCheckpoint(path, { generators: { own: new Generator(0) } })).rejects.toThrow(/holds no generator 'own'/);
    await expect(loadCheckpoint(path, { model: new nn.Sequential(new nn.Linear(3, 9)) })).rejects.toThrow(ValueError);
    await expect(saveCheckpoint(path, { generators: { default: new Generator(0) } })).rejects.toThrow(ValueError);
    const wide = new nn.Sequential(new nn.Linear(3, 8), new nn.BatchNorm1d(8), new nn.Dropout(), new nn.Linear(8, 2));
    const state = defaultGenerator.state();
    await expect(loadCheckpoint(path, { model: wide })).rejects.toThrow(ShapeError);
    expect(defaultGenerator.state()).toEqual(state);
  });

  it('saves of one path follow one another, and leftovers of dead processes go', async () => {
    const inner = await mkdtemp(join(folder, 'many-'));
    const path = join(inner, 'many.ckpt');
    const left = join(inner, '.fathom-999999999-abc-0.tmp');
    await writeFile(left, 'left');
    await utimes(left, new Date(0), new Date(0));
    const a = run();
    await Promise.all(Array.from({ length: 8 }, (_, epoch) => saveCheckpoint(path, { model: a.net, epoch })));
    expect((await loadCheckpoint(path)).epoch).toBe(7);
    expect((await loadCheckpoint(previousCheckpoint(path))).epoch).toBe(6);
    expect((await readdir(inner)).sort()).toEqual(['many.ckpt', 'many.ckpt.previous']);
  });
});

class Noisy extends d2l.Module {
  declare lr: number;
  constructor() {
    super();
    this.lr = 0.05;
    this.net = new nn.Sequential(new nn.Linear(3, 6), new nn.Dropout(0.4), new nn.Linear(6, 1)) as unknown as nn.Module;
  }
  override loss(yHat: Tensor, y: Tensor): Tensor {
    return nn.functional.mseLoss(yHat, y);
  }
  override configureOptimizers(): optim.Adam {
    return new optim.Adam(this.parameters(), { lr: this.lr });
  }
}

class Numbers extends d2l.DataModule {
  readonly x = rand([24, 3]);
  readonly seed: number | undefined;
  constructor(seed?: number) {
    super();
    this.seed = seed;
  }
  override getDataloader(train: boolean): d2l.BatchLoader {
    const set = new TensorDataset(this.x, this.x.sum({ dim: 1, keepdim: true }));
    const own = this.seed === undefined ? {} : { seed: this.seed };
    return new DataLoader(set, { batchSize: 8, shuffle: train, ...own }) as unknown as d2l.BatchLoader;
  }
}

describe('Trainer', () => {
  it.each([undefined, 5])('a run in two parts is the run in one, bit by bit (seed of the loader: %s)', async (seed) => {
    const fit = async (maxEpochs: number, checkpoint?: d2l.TrainerCheckpoint): Promise<{ model: Noisy; trainer: d2l.Trainer }> => {
      manualSeed(11);
      const model = new Noisy();
      const trainer = new d2l.Trainer({ maxEpochs, ...(checkpoint === undefined ? {} : { checkpoint }) });
      await trainer.fit(model, new Numbers(seed));
      return { model, trainer };
    };
    const path = join(folder, `trainer-${seed}.ckpt`);
    const whole = await fit(6);
    await fit(2, { path });
    await fit(4, { path, everyEpochs: 10 }); // its last epoch is saved all the same
    const parts = await fit(6, { path });
    expect(parts.trainer.history.map((h) => [h.epoch, h.metrics])).toEqual(whole.trainer.history.map((h) => [h.epoch, h.metrics]));
    expect(parts.trainer.trainBatchIdx).toBe(whole.trainer.trainBatchIdx);
    const [a, b] = [whole.model.stateDict(), parts.model.stateDict()];
    for (const name of Object.keys(a)) expect([name, b[name].numbersSync()]).toEqual([name, a[name].numbersSync()]);
    const again = await fit(6, { path, resume: false });
    expect(again.trainer.history).toHaveLength(6);
  });
});

describe('a process that is killed', () => {
  const kills = 50;
  const epochs = 200;

  /** Runs the child until it is done, or until some milliseconds after it has done some epochs. Gives the epoch it began at. */
  async function child(
    script: string,
    path: string,
    kill?: { epochs: number; delay: number },
  ): Promise<{ begin: number; done: boolean; errors: string }> {
    const running = spawn(process.execPath, [script, path, String(epochs)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FATHOM_THREADS: '1' },
    });
    let [out, errors] = ['', ''];
    let timer: NodeJS.Timeout | undefined;
    running.stderr.on('data', (d: Buffer) => {
      errors += d.toString();
    });
    running.stdout.on('data', (d: Buffer) => {
      out += d.toString();
      if (kill !== undefined && out.split('\n').length - 2 >= kill.epochs) timer ??= setTimeout(() => running.kill('SIGKILL'), kill.delay);
    });
    await new Promise((resolve) => running.on('close', resolve));
    clearTimeout(timer);
    return { begin: Number(/at (\d+)/.exec(out)?.[1]), done: out.includes('done'), errors };
  }

  it(`always finds a valid checkpoint, ${kills} times, and ends bit by bit as an undisturbed run`, { timeout: 240_000 }, async () => {
    const cache = fileURLToPath(new URL('../../.cache/run/', import.meta.url));
    mkdirSync(cache, { recursive: true });
    const script = join(cache, `checkpoint-child-${process.pid}.mjs`);
    const at = (p: string): string => fileURLToPath(new URL(p, import.meta.url));
    await build({
      entryPoints: [at('checkpoint-child.ts')],
      outfile: script,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      minify: true, // fifty starts
      alias: { '#platform': at('../../src/platform/node.ts') },
      ignoreAnnotations: true,
      logLevel: 'error',
    });
    try {
      const calm = join(folder, 'calm.ckpt');
      const stormy = join(folder, 'stormy.ckpt');
      const undisturbed = child(script, calm);
      let last = 0;
      let killed = 0;
      const moments = new Generator(2024);
      for (let i = 0; i < kills; i++) {
        const result = await child(script, stormy, { epochs: Math.floor(3 * uniform(moments)), delay: 20 * uniform(moments) });
        expect(result.errors).toBe('');
        if (!result.done) killed++;
        expect(result.begin).toBeGreaterThanOrEqual(last);
        last = result.begin;
      }
      expect(killed).toBe(kills);
      expect(last).toBeGreaterThan(kills / 4);
      const end = await child(script, stormy);
      expect([end.done, end.errors]).toEqual([true, '']);
      expect((await undisturbed).errors).toBe('');
      expect((await readFile(stormy)).equals(await readFile(calm))).toBe(true);
    } finally {
      await rm(script, { force: true });
    }
  });
});
