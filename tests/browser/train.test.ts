// A page imports the built package and trains the book's MLP on WebAssembly with threads.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
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

test.skipIf(chromiumPath === undefined)('a page trains the MLP for 50 steps and its loss falls', async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build-browser.mjs', import.meta.url))]);
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
