// Memory of a training loop written by hand: ten thousand MLP steps over a loader, nothing disposed by the program.
// `node scripts/run-ts.mjs bench/memory.ts [steps]` prints the bytes alive and the process's resident memory along the way.

import { DataLoader, TensorDataset } from '../src/data/index.ts';
import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';

const steps = Number(process.argv[2] ?? 10_000);
ft.manualSeed(0);
const set = new TensorDataset(ft.randn([64 * 100, 784]), ft.randint(0, 10, [64 * 100]));
const loader = new DataLoader(set, { batchSize: 64, shuffle: true });
const net = new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
const opt = new optim.SGD(net.parameters(), { lr: 0.01 });

const mib = (n: number): string => (n / 2 ** 20).toFixed(0).padStart(5);
let step = 0;
console.log(' step   live MiB   peak MiB   resident MiB');
while (step < steps) {
  for await (const [x, y] of loader) {
    const hidden = net(x);
    const loss = nn.functional.crossEntropy(hidden, y);
    opt.zeroGrad();
    loss.backward();
    opt.step();
    step++;
    if (step % Math.max(1, Math.floor(steps / 10)) === 0 || step === 100) {
      const { live, peak } = ft.memory();
      console.log(`${String(step).padStart(5)}   ${mib(live)}      ${mib(peak)}      ${mib(process.memoryUsage().rss)}`);
    }
    if (step >= steps) break;
  }
}
process.exit(0);
