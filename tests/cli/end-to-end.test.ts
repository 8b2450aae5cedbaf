// The built command as a user runs it, in a process of its own: bad input ends in one line, a non-zero exit code and no half-written file;
// Ctrl-C ends in a report.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
let folder: string;
let out: string;
let runs = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-cli-'));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  out = join(folder, `run-${runs++}`);
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the command; without a network, an own cache, and only the environment given. */
function start(args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const { FATHOM_DATA, FATHOM_DEVICE, FATHOM_THREADS, DEBUG, ...rest } = process.env;
  const base = { ...rest, FATHOM_CACHE: join(folder, 'cache'), FATHOM_OFFLINE: '1', ...env };
  const child = spawn(process.execPath, [program, ...args], { env: base, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text.stdout += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (text.stderr += piece));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...text })));
  return { child, ended };
}

const fathom = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => start(args, env).ended;

/** The files of the run's folder; none when it was not made. */
const written = async (path = out): Promise<string[]> => (await readdir(path).catch(() => [])).sort();

const quick = (...more: string[]): string[] => ['run', 'softmax', '--quick', '--out', out, ...more];

/** A folder with a Fashion-MNIST of the right names whose training labels are the given bytes. */
async function dataFolder(name: string, labels: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, 'fashion-mnist'), { recursive: true });
  await writeFile(join(path, 'fashion-mnist', 'train-labels-idx1-ubyte.gz'), labels);
  return path;
}

const publishedSize = 29_515;

describe('bad input', () => {
  test('a truncated data file', async () => {
    const root = await dataFolder('truncated', gzipSync(new Uint8Array(100)));
    const { code, stderr } = await fathom(quick(), { FATHOM_DATA: root });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: DataError: \S+train-labels-idx1-ubyte\.gz: it is truncated: it has \d+ bytes, the published file has 29515; replace it with the published file, or unset FATHOM_DATA to download one\n$/,
    );
    expect(await written()).toEqual([]);
  });

  test('a file of the right size whose checksum is another (a wrong magic number, a flipped bit)', async () => {
    const root = await dataFolder('checksum', new Uint8Array(publishedSize));
    const { code, stderr } = await fathom(quick('--data', root));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: DataError: [^\n]*its sha256 is [0-9a-f]{64}, the published one is [0-9a-f]{64}; replace it[^\n]*\n$/);
    expect(await written()).toEqual([]);
  });

  test('a data folder that is not there, by environment and by option', async () => {
    const missing = join(folder, 'not-there');
    const byEnvironment = await fathom(quick(), { FATHOM_DATA: missing });
    expect(byEnvironment.code).toBe(1);
    expect(byEnvironment.stderr).toMatch(/^error: DataError: FATHOM_DATA is '[^']*not-there', which is not a folder; set it to[^\n]*\n$/);
    const byOption = await fathom(quick('--data', missing));
    expect(byOption.code).toBe(2);
    expect(byOption.stderr).toMatch(/^error: --data: '[^']*not-there' is not a folder; give the folder that holds the data sets\n$/);
    expect(await written()).toEqual([]);
  });

  test('an unknown device, by option and by environment, with the nearest name', async () => {
    const byOption = await fathom(quick('--device', 'wasn'));
    expect(byOption.code).toBe(2);
    expect(byOption.stderr).toMatch(/^error: --device: this build has no device 'wasn'; it has [^\n]*\. Did you mean 'wasm'\?\n$/);
    const byEnvironment = await fathom(quick(), { FATHOM_DEVICE: 'tpu' });
    expect(byEnvironment.code).toBe(1);
    expect(byEnvironment.stderr).toMatch(/^error: DeviceError: FATHOM_DEVICE: unknown device 'tpu'; this build knows [^\n]*\n$/);
    expect(await written()).toEqual([]);
  });

  test('an unknown lesson suggests the nearest', async () => {
    const { code, stderr } = await fathom(['run', 'lenett']);
    expect([code, stderr]).toEqual([2, "error: there is no lesson 'lenett'. Did you mean 'lenet'? 'fathom list' shows them all.\n"]);
  });

  test('a full disk while saving: nothing half written, an older file stays as it was', async (context) => {
    const disk = await mkdtemp(join(folder, 'disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      console.warn('SKIPPED: the full-disk test of the command needs the right to mount a tmpfs');
      return context.skip();
    }
    try {
      await writeFile(join(disk, 'model.safetensors'), 'old');
      const { code, stderr } = await fathom(['run', 'softmax', '--quick', '--out', disk]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^error: SaveError: could not write \S+: the disk is full; free some space or choose another folder \(ENOSPC\)\n$/,
      );
      expect(await written(disk)).toEqual(['model.safetensors']);
      expect(await readFile(join(disk, 'model.safetensors'), 'utf8')).toBe('old');
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test.skipIf(process.platform === 'win32')('a full disk behind standard output', async () => {
    const { FATHOM_DATA, ...env } = process.env;
    const shell = spawn('sh', ['-c', `exec "$0" "$1" list > /dev/full`, process.execPath, program], {
      env,
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let stderr = '';
    shell.stderr.setEncoding('utf8').on('data', (piece: string) => (stderr += piece));
    const code = await new Promise((resolve) => shell.on('close', resolve));
    expect([code, stderr]).toEqual([1, 'error: standard output: the disk is full; free some space or choose another folder (ENOSPC)\n']);
  });
});

describe('a run', () => {
  test('without data and network: one line says so, the stand-in is used, --json keeps standard output clean', async () => {
    const { code, stdout, stderr } = await fathom(quick('--json'));
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { data: { source: string }; settings: Record<string, number>; final: Record<string, number> };
    expect([result.data.source, result.settings['epochs']]).toEqual(['stand-in', 1]);
    expect(stderr.split('\n').filter((line) => line.startsWith('procedural stand-in'))).toHaveLength(1);
    expect(await written()).toEqual(['metrics.json', 'model.safetensors', 'report.html']);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops it after the step; the report is written and the exit code is 130',
    async (signal) => {
      const { child, ended } = start(quick('--epochs', '500'));
      let heard = '';
      let sent = false;
      child.stdout?.on('data', (piece: string) => {
        heard += piece;
        // once: a second signal ends the process at once
        if (!sent && /epoch +2\/500/.test(heard)) sent = child.kill(signal);
      });
      const { code, stdout } = await ended;
      expect(code).toBe(130);
      expect(stdout).toContain('Stopping after this step; the report follows');
      expect(stdout).toMatch(/\nstopped +train loss/);
      expect(await written()).toEqual(['metrics.json', 'model.safetensors', 'report.html']);
      const metrics = JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as { status: string; epochs: unknown[] };
      expect(metrics.status).toBe('stopped');
      expect(metrics.epochs.length).toBeGreaterThanOrEqual(2);
      expect(metrics.epochs.length).toBeLessThan(500);
    },
  );
});
