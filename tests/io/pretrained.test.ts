// Real trained networks from files of PyTorch: a forward pass must give the published outputs and accuracies.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gunzip, parseIdx } from '../../src/data/index.ts';
import { fromTyped, noGrad, scope, type Tensor, tensor } from '../../src/index.ts';
import { loadSafetensors, loadTorchWeights } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

const data = process.env['FATHOM_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const present = existsSync(join(data, 'pretrained'));
if (!present) console.warn('SKIPPED: trained networks were not run; set FATHOM_DATA to a folder with pretrained/, mnist/ and cifar10/');
const F = nn.functional;

/** Three convolutions and two linear layers with batch normalisation, for MNIST. */
class MnistNet extends nn.Module {
  conv1 = new nn.Conv2d(1, 8, 3);
  conv2 = new nn.Conv2d(8, 16, 3);
  conv3 = new nn.Conv2d(16, 24, 3);
  norm1 = new nn.BatchNorm2d(24);
  fc1 = new nn.Linear(11616, 32);
  fc2 = new nn.Linear(32, 10);
  norm2 = new nn.BatchNorm1d(10);

  forward(x: Tensor): Tensor {
    const features = F.relu(this.conv3(F.relu(this.conv2(F.relu(this.conv1(x))))));
    const hidden = F.relu(this.fc1(this.norm1(features).flatten(1)));
    return F.logSoftmax(this.norm2(this.fc2(hidden)), 1);
  }
}

/** Two convolutions and a shortcut that takes every second pixel and adds empty channels (type A of He et al., 2016). */
class Block extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  readonly stride: number;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const y = this.bn2(this.conv2(F.relu(this.bn1(this.conv1(x)))));
    if (this.stride === 1) return F.relu(y.add(x));
    const half = x.slice(2, 0, null, 2).slice(3, 0, null, 2);
    const quarter = y.shape[1] / 4;
    return F.relu(y.add(half.pad([0, 0, 0, 0, quarter, quarter])));
  }
}

class ResNet20 extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 3, { padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(16);
  layer1 = new nn.Sequential(new Block(16, 16, 1), new Block(16, 16, 1), new Block(16, 16, 1));
  layer2 = new nn.Sequential(new Block(16, 32, 2), new Block(32, 32, 1), new Block(32, 32, 1));
  layer3 = new nn.Sequential(new Block(32, 64, 2), new Block(64, 64, 1), new Block(64, 64, 1));
  linear = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    const features = this.layer3(this.layer2(this.layer1(F.relu(this.bn1(this.conv1(x))))));
    return this.linear(features.mean([2, 3]));
  }
}

/** How many of the images are put into their class, in batches of 250. */
const right = (net: nn.Module, images: Tensor, labels: Tensor, prepare: (x: Tensor) => Tensor): number => {
  let n = 0;
  for (let i = 0; i < images.shape[0]; i += 250)
    n += scope(() =>
      noGrad(() =>
        net(prepare(images.slice(0, i, i + 250)))
          .argmax(1)
          .eq(labels.slice(0, i, i + 250))
          .sum()
          .itemSync(),
      ),
    );
  return n;
};

describe.runIf(present)('trained networks', () => {
  it('MNIST: 9,915 of 10,000 right from the .pt file; the first output of the safetensors file is the published one', async () => {
    const images = parseIdx(await readFile(join(data, 'mnist', 't10k-images-idx3-ubyte.gz')));
    const labels = parseIdx(await readFile(join(data, 'mnist', 't10k-labels-idx1-ubyte.gz')));
    const x = fromTyped(images.data, [10_000, 1, 28, 28]);
    const y = fromTyped(labels.data, [10_000]).long();
    const prepare = (b: Tensor): Tensor => b.float().div(255).sub(0.1307).div(0.3081);
    const net = new MnistNet();
    net.eval();
    net.loadStateDict(await loadTorchWeights(join(data, 'pretrained', 'burn_mnist.pt')));
    expect(right(net, x, y, prepare)).toBe(9915);
    net.loadStateDict(await loadSafetensors(join(data, 'pretrained', 'burn_mnist.safetensors')));
    const first = noGrad(() =>
      net(prepare(x.slice(0, 0, 1)))
        .flatten()
        .numbersSync(),
    );
    const want = [-9.608432, -10.244857, -10.013387, -10.228499, -10.017651, -10.891863, -10.506219, -0.00037, -10.346729, -9.657298];
    first.forEach((v, i) => {
      expect(Math.abs(v - want[i])).toBeLessThan(1e-4);
    });
  });

  it('CIFAR-10: ResNet-20 from the old form of PyTorch gives the published logits, and all but a few of 500 right', async () => {
    const bytes = gunzip(await readFile(join(data, 'cifar10', 'data_batch_1_first4000.bin.gz')), 'cifar10');
    const records = fromTyped(bytes, [4000, 3073]).slice(0, 0, 500);
    const images = records.slice(1, 1).reshape([-1, 3, 32, 32]);
    const labels = records.select(1, 0).long();
    const channel = (...v: number[]): Tensor => tensor(v).reshape([3, 1, 1]);
    const prepare = (b: Tensor): Tensor =>
      b
        .float()
        .div(255)
        .sub(channel(0.485, 0.456, 0.406))
        .div(channel(0.229, 0.224, 0.225));
    const net = new ResNet20();
    net.eval();
    const path = join(data, 'pretrained', 'resnet20_cifar10_12fca82f.th');
    net.loadStateDict(await loadTorchWeights(path, { key: 'state_dict', prefix: 'module.' }));
    const first = noGrad(() =>
      net(prepare(images.slice(0, 0, 1)))
        .flatten()
        .numbersSync(),
    );
    const want = [-12.44919, -5.69823, -0.65897, 9.12066, 0.711, 4.55526, 19.82787, 0.38097, -6.6409, -9.11281];
    first.forEach((v, i) => {
      expect(Math.abs(v - want[i])).toBeLessThan(1e-3);
    });
    expect(right(net, images, labels, prepare)).toBeGreaterThanOrEqual(495);
  });
});
