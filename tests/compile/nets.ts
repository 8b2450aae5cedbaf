// Small networks with their training steps, for comparisons of compiled and eager runs.

import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

const F = nn.functional;

/** A training step: everything from zeroing gradients to the update. */
export interface Training {
  readonly parameters: ft.Tensor[];
  readonly buffers: ft.Tensor[];
  step(): ft.Tensor;
}

const training = (net: nn.AnyModule, opt: { zeroGrad(): void; step(): unknown }, loss: () => ft.Tensor, clip = 0): Training => ({
  parameters: net.parameters(),
  buffers: net.buffers(),
  step() {
    opt.zeroGrad();
    const l = loss();
    l.backward();
    if (clip > 0) nn.clipGradNorm_(net.parameters(), clip);
    opt.step();
    return l;
  },
});

class Block extends nn.Module {
  readonly conv1 = new nn.Conv2d(2, 4, 3, { padding: 1, stride: 2 });
  readonly norm1 = new nn.BatchNorm2d(4);
  readonly conv2 = new nn.Conv2d(4, 4, 3, { padding: 1 });
  readonly norm2 = new nn.BatchNorm2d(4);
  readonly skip = new nn.Conv2d(2, 4, 1, { stride: 2 });
  forward(x: ft.Tensor): ft.Tensor {
    const y = this.norm2(this.conv2(this.norm1(this.conv1(x)).relu()));
    return y.add(this.skip(x)).relu();
  }
}

class Recurrent extends nn.Module {
  readonly rnn = new nn.LSTM(5, 6);
  readonly head = new nn.Linear(6, 5);
  forward(x: ft.Tensor): ft.Tensor {
    return this.head(this.rnn(x)[0]);
  }
}

class Scratch extends nn.Module {
  readonly wx = new nn.Parameter(ft.randn([5, 6]).mul(0.3));
  readonly wh = new nn.Parameter(ft.randn([6, 6]).mul(0.3));
  readonly b = new nn.Parameter(ft.zeros([6]));
  readonly head = new nn.Linear(6, 5);
  forward(x: ft.Tensor): ft.Tensor {
    let h = ft.zeros([x.shape[1], 6]);
    const out: ft.Tensor[] = [];
    for (let t = 0; t < x.shape[0]; t++) {
      h = x.select(0, t).matmul(this.wx).add(h.matmul(this.wh)).add(this.b).tanh();
      out.push(h);
    }
    return this.head(ft.stack(out));
  }
}

class Translator extends nn.Module {
  readonly embed = new nn.Embedding(11, 8);
  readonly layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0.2, batchFirst: true });
  readonly head = new nn.Linear(8, 11);
  forward(x: ft.Tensor): ft.Tensor {
    return this.head(this.layer(this.embed(x)));
  }
}

/** Builders; each seeds its numbers, so that two of a kind begin alike. */
export const trainings: Record<string, () => Training> = {
  'linear regression, SGD with momentum': () => {
    const net = new nn.Linear(3, 1);
    const [x, y] = [ft.randn([16, 3]), ft.randn([16, 1])];
    return training(net, new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 }), () => F.mseLoss(net(x), y));
  },
  'LeNet, SGD': () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 3, 5, { padding: 2 }),
      new nn.Sigmoid(),
      new nn.AvgPool2d(2, { stride: 2 }),
      new nn.Conv2d(3, 4, 5),
      new nn.Sigmoid(),
      new nn.AvgPool2d(2, { stride: 2 }),
      new nn.Flatten(),
      new nn.Linear(4, 10),
      new nn.Sigmoid(),
      new nn.Linear(10, 4),
    );
    const [x, y] = [ft.randn([8, 1, 12, 12]), ft.randint(0, 4, [8])];
    return training(net, new optim.SGD(net.parameters(), { lr: 0.5 }), () => F.crossEntropy(net(x), y));
  },
  'a residual block with batch norm, Adam': () => {
    const net = new nn.Sequential(new Block(), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(16, 3));
    const [x, y] = [ft.randn([6, 2, 8, 8]), ft.randint(0, 3, [6])];
    return training(net, new optim.Adam(net.parameters(), { lr: 0.01 }), () => F.crossEntropy(net(x), y));
  },
  'LSTM with clipping, SGD': () => {
    const net = new Recurrent();
    const [x, y] = [ft.randn([4, 3, 5]), ft.randint(0, 5, [12])];
    return training(net, new optim.SGD(net.parameters(), { lr: 0.5 }), () => F.crossEntropy(net(x).reshape([12, 5]), y), 1);
  },
  'time steps by hand, RMSprop': () => {
    const net = new Scratch();
    const [x, y] = [ft.randn([4, 3, 5]), ft.randint(0, 5, [12])];
    return training(net, new optim.RMSprop(net.parameters(), { lr: 0.01 }), () => F.crossEntropy(net(x).reshape([12, 5]), y), 1);
  },
  'transformer block with dropout, AdamW': () => {
    const net = new Translator();
    const [x, y] = [ft.randint(0, 11, [4, 5]), ft.randint(0, 11, [20])];
    // The derivative of the keys' bias is zero but for rounding; with the usual eps such a step would be that rounding's sign.
    return training(net, new optim.AdamW(net.parameters(), { lr: 0.01, eps: 1e-4 }), () => F.crossEntropy(net(x).reshape([20, 11]), y));
  },
};
