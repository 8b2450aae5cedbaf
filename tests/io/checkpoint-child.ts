// A small training run that saves a checkpoint after every epoch, for the test that kills it: node child.mjs PATH EPOCHS.
// Dropout and shuffling draw from the default generator, momentum and the schedule have states of their own.

import { writeSync } from 'node:fs';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import { manualSeed, randn } from '../../src/index.ts';
import { LoadError, loadCheckpoint, saveCheckpoint } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

const [path, epochs] = [process.argv[2], Number(process.argv[3])];
manualSeed(1);
const loader = new DataLoader(new TensorDataset(randn([32, 4]), randn([32, 1])), { batchSize: 8, shuffle: true });
const net = new nn.Sequential(new nn.Linear(4, 16), new nn.ReLU(), new nn.Dropout(0.3), new nn.Linear(16, 1));
const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 });
const scheduler = new optim.lrScheduler.StepLR(optimizer, 10, { gamma: 0.9 });
const parts = { model: net, optimizer, scheduler };

let epoch = 0;
try {
  epoch = (await loadCheckpoint(path, parts)).epoch;
} catch (error) {
  if (!(error instanceof LoadError && error.missing)) throw error;
}
writeSync(1, `at ${epoch}\n`);
while (epoch < epochs) {
  for await (const [x, y] of loader) {
    const loss = nn.functional.mseLoss(net(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  }
  scheduler.step();
  await saveCheckpoint(path, { ...parts, epoch: ++epoch, step: epoch * loader.length });
  writeSync(1, `at ${epoch}\n`);
}
writeSync(1, 'done\n');
