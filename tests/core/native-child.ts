// What tests/core/native.test.ts runs in processes of their own, one device each: `losses` or `loop`. Prints one line of JSON.
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { lenet } from '../lenet.ts';

/** Losses of 100 steps of the book's LeNet on fixed random images, batch 64. */
function losses(): number[] {
  ft.manualSeed(3);
  const net = lenet();
  for (const p of net.parameters()) if (p.ndim > 1) nn.init.xavierUniform_(p);
  const opt = new optim.SGD(net.parameters(), { lr: 0.5 });
  const templates = ft.randn([10, 1, 28, 28]);
  const y = ft.randint(0, 10, [64]);
  const x = templates.indexSelect(0, y).add(ft.randn([64, 1, 28, 28]).mul(0.5));
  const curve: number[] = [];
  for (let i = 0; i < 100; i++) {
    const loss = nn.functional.crossEntropy(net(x), y);
    opt.zeroGrad();
    loss.backward();
    opt.step();
    curve.push(loss.itemSync());
  }
  return curve;
}

/** Drops a tensor of 4 MB a turn, without a yield: only the collector can give the memory back. */
function loop(turns: number): { peak: number; last: number } {
  let last = 0;
  for (let i = 0; i < turns; i++) last = ft.full([1024, 1024], i).at(0).at(0).itemSync();
  return { peak: ft.memory().peak, last };
}

const result = process.argv[2] === 'loop' ? loop(1500) : losses();
console.log(JSON.stringify({ device: ft.device(), reason: ft.deviceReason(), result }));
