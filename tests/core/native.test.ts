// The native device beside WebAssembly: the same training, memory in synchronous loops, and what happens where it cannot be built.
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { platform } from '../../src/platform/node.ts';

const root = join(import.meta.dirname, '..', '..');
const addon = platform.nativeAddon();
const built = typeof addon !== 'string';
if (!built) console.warn(`\n*** the tests of the native device are SKIPPED: ${addon} ***\n`);

interface Answer {
  device: string;
  reason: string;
  result: unknown;
}

async function child(program: string, env: Record<string, string>): Promise<Answer> {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/run-ts.mjs', 'tests/core/native-child.ts', program], {
    cwd: root,
    env: { ...process.env, FATHOM_DEVICE: '', ...env },
  });
  return JSON.parse(stdout) as Answer;
}

test.skipIf(!built)(
  'the same seed trains the same LeNet: 100 losses equal to 1e-4 on native and WebAssembly',
  async () => {
    const native = await child('losses', { FATHOM_DEVICE: 'native' });
    const wasm = await child('losses', { FATHOM_DEVICE: 'wasm' });
    expect([native.device, wasm.device]).toEqual(['native', 'wasm']);
    const [a, b] = [native.result as number[], wasm.result as number[]];
    expect(a).toHaveLength(100);
    expect(a[99]).toBeLessThan(a[0] - 0.01); // it learns
    expect(Math.max(...a.map((x, i) => Math.abs(x - b[i])))).toBeLessThan(1e-4);
  },
  120_000,
);

test.skipIf(!built)(
  'a synchronous loop that drops 6 GB of tensors stays below 1 GB',
  async () => {
    const { peak, last } = (await child('loop', { FATHOM_DEVICE: 'native' })).result as { peak: number; last: number };
    expect(last).toBe(1499);
    expect(peak).toBeLessThan(1e9);
  },
  60_000,
);

test('where there is no add-on, WebAssembly runs and says why; asking for native is an error', async () => {
  const { device, reason } = await child('losses', { FATHOM_ADDON: 'none-of-this-name.node' });
  expect(device).toBe('wasm');
  expect(reason).toMatch(/^in place of native: /);
  await expect(child('losses', { FATHOM_ADDON: 'none-of-this-name.node', FATHOM_DEVICE: 'native' })).rejects.toThrow(
    /DeviceError: native: /,
  );
}, 60_000);

test('a damaged add-on is no more than a reason', async () => {
  const { device, reason } = await child('losses', { FATHOM_ADDON: join(root, 'package.json') });
  expect(device).toBe('wasm');
  expect(reason).toMatch(/package\.json does not load/);
}, 60_000);

test('building without a compiler tells what is missing and fails only when it was asked for', () => {
  const build = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ['scripts/build-native.mjs', ...args], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, PATH: '/nonexistent', CXX: '' },
    });
  const optional = build('--optional');
  expect(optional.status).toBe(0);
  expect(optional.stderr).toMatch(/no C\+\+ compiler|headers of Node/);
  expect(optional.stderr).toContain('WebAssembly runs instead');
  expect(build().status).toBe(1);
});

test.skipIf(!built)('one device a process', async () => {
  const ft = await import('../../src/index.ts');
  const other = ft.device() === 'native' ? 'wasm' : 'native';
  expect(() => ft.setDevice(other)).toThrow(/already; choose .* before the first tensor/);
  expect(() => ft.setDevice('nativ')).toThrow(/unknown device 'nativ'; this build knows native, wasm, cpu/);
  ft.setDevice('cpu');
  expect(ft.tensor([1]).device).toBe(ft.device());
});
