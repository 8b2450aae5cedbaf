// Pages import the built package: one trains the book's MLP on WebAssembly with threads, one reads and writes images and weights.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { chromiumPath, launch, serve } from './chromium.ts';

const root = fileURLToPath(new URL('../../dist', import.meta.url));

const page = `<!doctype html><meta charset="utf-8"><title>Fathom in a page</title><pre id="log"></pre>
<script type="module">
  const log = document.getElementById('log');
  try {
    const ft = await import('/browser/fathom.js');
    const nn = await import('/browser/nn.js');
    const optim = await import('/browser/optim.js');
    ft.manualSeed(1);
    // ten clusters in 784 dimensions stand for the ten classes
    const centres = ft.randn([10, 784]);
    const y = ft.randint(0, 10, [256]);
    const x = centres.indexSelect(0, y).add(ft.randn([256, 784]).mul(0.5));
    const net = new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
    const opt = new optim.SGD(net.parameters(), { lr: 0.1 });
    const losses = [];
    for (let i = 0; i < 50; i++) {
      opt.zeroGrad();
      const loss = nn.functional.crossEntropy(net(x), y);
      loss.backward();
      opt.step();
      losses.push(await loss.item());
      log.textContent = 'step ' + (i + 1) + '  loss ' + losses[i].toFixed(4);
    }
    window.result = { losses, threads: ft.threads(), isolated: crossOriginIsolated };
  } catch (error) {
    window.result = { error: String(error && error.stack || error) };
  }
</script>`;

if (chromiumPath === undefined) {
  const message =
    'BROWSER TEST NOT RUN: no Chromium on this machine; install it (Debian: apt-get install chromium) or set CHROMIUM to its path';
  console.warn(message);
  if (process.env.CI) throw new Error(message);
}

beforeAll(() => {
  if (chromiumPath !== undefined)
    execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build-browser.mjs', import.meta.url))]);
});

test.skipIf(chromiumPath === undefined)('a page trains the MLP for 50 steps and its loss falls', async () => {
  const { url, server } = await serve(root, { '/': page });
  const browser = await launch();
  try {
    const tab = await browser.newPage();
    await tab.goto(url);
    await tab.waitForFunction('window.result !== undefined', undefined, { timeout: 60_000 });
    const result = (await tab.evaluate('window.result')) as { losses: number[]; error?: string; isolated: boolean };
    expect(result.error).toBeUndefined();
    expect(result.isolated).toBe(true);
    expect(result.losses).toHaveLength(50);
    expect(result.losses[0]).toBeGreaterThan(1.5);
    expect(result.losses[49]).toBeLessThan(0.1 * result.losses[0]);
  } finally {
    await browser.close();
    server.close();
  }
});

const filesPage = (jpeg: string): string => `<!doctype html><meta charset="utf-8"><title>Files in a page</title>
<script type="module">
  try {
    const ft = await import('/browser/fathom.js');
    const io = await import('/browser/io.js');
    const vision = await import('/browser/vision.js');
    const bytes = Uint8Array.from(atob('${jpeg}'), (c) => c.charCodeAt(0));
    const photo = await vision.decodeImage(bytes);
    const again = await vision.decodeImage(await vision.encodeImage(photo, { format: 'jpeg', quality: 95 }));
    const png = await vision.decodeImage(await vision.encodeImage(photo));
    const gray = await vision.decodeImage(bytes, { mode: 'gray' });
    const damaged = await vision.decodeImage(bytes.slice(0, 200)).then(() => 'no error', (e) => e.name);
    const weights = { w: ft.randn([3, 4]), h: ft.randn([5]).to('bfloat16') };
    const back = io.decodeTorch(io.encodeTorch(weights));
    const path = await io.loadTorch('weights.pt').then(() => 'no error', (e) => e.message);
    window.result = {
      shape: photo.shape,
      pixels: photo.numbersSync(),
      drift: again.float().sub(photo.float()).abs().max().itemSync(),
      png: png.equal(photo),
      gray: gray.shape,
      damaged,
      weights: back.get('w').equal(weights.w) && back.get('h').float().equal(weights.h.float()),
      path,
    };
  } catch (error) {
    window.result = { error: String(error && error.stack || error) };
  }
</script>`;

test.skipIf(chromiumPath === undefined)('a page decodes and encodes images as Node does, and reads weights from bytes', async () => {
  const raw = new Uint8Array(16 * 24 * 3).map((_, i) => [10 * (Math.floor(i / 3) % 24), 8 * Math.floor(i / 72), 90][i % 3]);
  const jpeg = await sharp(raw, { raw: { width: 24, height: 16, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
  const { url, server } = await serve(root, { '/': filesPage(jpeg.toString('base64')) });
  const browser = await launch();
  try {
    const tab = await browser.newPage();
    await tab.goto(url);
    await tab.waitForFunction('window.result !== undefined', undefined, { timeout: 60_000 });
    const result = (await tab.evaluate('window.result')) as Record<string, unknown> & { pixels: number[] };
    expect(result['error']).toBeUndefined();
    expect(result).toMatchObject({ shape: [3, 16, 24], gray: [1, 16, 24], png: true, damaged: 'FormatError', weights: true });
    expect(result['drift']).toBeLessThan(12);
    expect(result['path']).toMatch(/needs Node's file system/);
    const { data } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    const inNode = [0, 1, 2].flatMap((c) => Array.from({ length: 16 * 24 }, (_, i) => data[3 * i + c]));
    expect(Math.max(...result.pixels.map((v, i) => Math.abs(v - inNode[i])))).toBeLessThanOrEqual(2);
  } finally {
    await browser.close();
    server.close();
  }
});
