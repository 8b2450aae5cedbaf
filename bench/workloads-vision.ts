// Convolutional networks of the book: AlexNet, a small VGG, ResNet-18, DenseNet and DCGAN.

import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';
import { classifier, images, stepOf, type Workloads } from './step.ts';

const conv3 = (from: number, to: number): nn.Conv2d => new nn.Conv2d(from, to, 3, { padding: 1 });

/** Dense layers with dropout behind AlexNet and VGG. */
const headOf = (features: number): nn.Module[] => [
  new nn.Flatten(),
  new nn.Linear(features, 4096),
  new nn.ReLU(),
  new nn.Dropout(0.5),
  new nn.Linear(4096, 4096),
  new nn.ReLU(),
  new nn.Dropout(0.5),
  new nn.Linear(4096, 10),
];

const alexnet = (): nn.Module =>
  new nn.Sequential(
    new nn.Conv2d(1, 96, 11, { stride: 4, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Conv2d(96, 256, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    conv3(256, 384),
    new nn.ReLU(),
    conv3(384, 384),
    new nn.ReLU(),
    conv3(384, 256),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    ...headOf(6400),
  );

function vgg(): nn.Module {
  const layers: nn.Module[] = [];
  let channels = 1;
  for (const [count, out] of [
    [1, 16],
    [1, 32],
    [2, 64],
    [2, 128],
    [2, 128],
  ]) {
    for (let i = 0; i < count; i++) {
      layers.push(conv3(channels, out), new nn.ReLU());
      channels = out;
    }
    layers.push(new nn.MaxPool2d(2, { stride: 2 }));
  }
  return new nn.Sequential(...layers, ...headOf(128 * 49));
}

class Residual extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly conv2: nn.Conv2d;
  readonly conv3: nn.Conv2d | null;
  readonly norm1: nn.BatchNorm2d;
  readonly norm2: nn.BatchNorm2d;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1 });
    this.conv2 = conv3(to, to);
    this.conv3 = stride > 1 ? new nn.Conv2d(from, to, 1, { stride }) : null;
    this.norm1 = new nn.BatchNorm2d(to);
    this.norm2 = new nn.BatchNorm2d(to);
  }

  forward(x: ft.Tensor): ft.Tensor {
    const y = this.norm2(this.conv2(this.norm1(this.conv1(x)).relu()));
    return y.add(this.conv3 === null ? x : this.conv3(x)).relu();
  }
}

function resnet18(): nn.Module {
  const layers: nn.Module[] = [
    new nn.Conv2d(1, 64, 7, { stride: 2, padding: 3 }),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  ];
  let channels = 64;
  for (const out of [64, 128, 256, 512]) {
    layers.push(new Residual(channels, out, out > 64 ? 2 : 1), new Residual(out, out, 1));
    channels = out;
  }
  return new nn.Sequential(...layers, new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(512, 10));
}

class DenseBlock extends nn.Module {
  readonly layers: nn.ModuleList<nn.Module>;

  constructor(count: number, from: number, growth: number) {
    super();
    this.layers = new nn.ModuleList(
      Array.from({ length: count }, (_, i) => {
        const channels = from + growth * i;
        return new nn.Sequential(new nn.BatchNorm2d(channels), new nn.ReLU(), conv3(channels, growth)) as nn.Module;
      }),
    );
  }

  forward(x: ft.Tensor): ft.Tensor {
    let all = x;
    for (const layer of this.layers) all = ft.cat([all, layer(all)], 1);
    return all;
  }
}

function densenet(): nn.Module {
  const layers: nn.Module[] = [
    new nn.Conv2d(1, 64, 7, { stride: 2, padding: 3 }),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  ];
  let channels = 64;
  for (let i = 0; i < 4; i++) {
    layers.push(new DenseBlock(4, channels, 32));
    channels += 128;
    if (i === 3) break;
    layers.push(new nn.BatchNorm2d(channels), new nn.ReLU(), new nn.Conv2d(channels, channels / 2, 1), new nn.AvgPool2d(2, { stride: 2 }));
    channels /= 2;
  }
  return new nn.Sequential(
    ...layers,
    new nn.BatchNorm2d(channels),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(channels, 10),
  );
}

function generator(): nn.Module {
  const layers: nn.Module[] = [];
  for (const [from, to, stride, padding] of [
    [100, 512, 1, 0],
    [512, 256, 2, 1],
    [256, 128, 2, 1],
    [128, 64, 2, 1],
  ])
    layers.push(new nn.ConvTranspose2d(from, to, 4, { stride, padding, bias: false }), new nn.BatchNorm2d(to), new nn.ReLU());
  return new nn.Sequential(...layers, new nn.ConvTranspose2d(64, 3, 4, { stride: 2, padding: 1, bias: false }), new nn.Tanh());
}

function discriminator(): nn.Module {
  const layers: nn.Module[] = [];
  for (const [from, to] of [
    [3, 64],
    [64, 128],
    [128, 256],
    [256, 512],
  ])
    layers.push(new nn.Conv2d(from, to, 4, { stride: 2, padding: 1, bias: false }), new nn.BatchNorm2d(to), new nn.LeakyReLU(0.2));
  return new nn.Sequential(...layers, new nn.Conv2d(512, 1, 4, { bias: false }));
}

export const visionWorkloads: Workloads = {
  alexnet_b16: (options) => classifier(alexnet(), images(16, 1, 224), 0.01, options),
  vgg_b8: (options) => classifier(vgg(), images(8, 1, 224), 0.01, options),
  resnet18_96_b32: (options) => classifier(resnet18(), images(32, 1, 96), 0.01, options),
  resnet18_96_b32_infer(options) {
    const [x] = images(32, 1, 96);
    const net = resnet18();
    net.eval();
    return stepOf(() => ft.noGrad(() => net(x).argmax({ dim: 1 }).select(0, 0)), options);
  },
  densenet_96_b16: (options) => classifier(densenet(), images(16, 1, 96), 0.01, options),
  dcgan_b64(options) {
    const batch = 16;
    const [g, d] = [generator(), discriminator()];
    const adam = (net: nn.Module): optim.Adam => new optim.Adam(net.parameters(), { lr: 0.005, betas: [0.5, 0.999] });
    const [ofG, ofD] = [adam(g), adam(d)];
    const x = ft.randn([batch, 3, 64, 64]);
    const one = ft.ones([batch, 1, 1, 1]);
    const zero = ft.zeros([batch, 1, 1, 1]);
    const bce = nn.functional.binaryCrossEntropyWithLogits;
    return stepOf(() => {
      const z = ft.randn([batch, 100, 1, 1]);
      ofD.zeroGrad();
      const fake = g(z);
      const lossD = bce(d(x), one)
        .add(bce(d(fake.detach()), zero))
        .div(2);
      lossD.backward();
      ofD.step();
      ofG.zeroGrad();
      const lossG = bce(d(g(z)), one);
      lossG.backward();
      ofG.step();
      return lossD.add(lossG);
    }, options);
  },
};
