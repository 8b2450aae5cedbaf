// Whole networks, built from plain operations by the descriptions in the cases: what layers do to each other, not what one layer does.

import { Unavailable } from './adapter/index.ts';
import type { Case } from './cases.ts';
import { compareGradient, compareResults, type Difference } from './compare.ts';
import { type Context, callOp, checkAfter, gradientsOf, toleranceOf } from './context.ts';
import { Decoder } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import { bert, gruSeq2Seq, transformer, vit } from './networks-sequence.ts';
import { CaseFileError, type HostArray } from './tensors.ts';

/** A network under construction: its state and the calls that its layers are. */
export class Net {
  readonly ctx: Context;
  readonly state: Readonly<Record<string, Tensor>>;
  readonly train: boolean;
  readonly config: Readonly<Record<string, number>>;

  constructor(ctx: Context, state: Readonly<Record<string, Tensor>>, train: boolean, config: Readonly<Record<string, number>>) {
    this.ctx = ctx;
    this.state = state;
    this.train = train;
    this.config = config;
  }

  /** An op by PyTorch's name; the last argument may be { kw: keywords }. */
  op(name: string, ...args: unknown[]): Tensor {
    const last = args[args.length - 1];
    const isKw = (v: unknown): v is { kw: Record<string, unknown> } => typeof v === 'object' && v !== null && 'kw' in v;
    return callOp(this.ctx, name, isKw(last) ? { args: args.slice(0, -1), kwargs: last.kw } : { args, kwargs: {} }) as Tensor;
  }

  f(name: string, ...args: unknown[]): Tensor {
    return this.op(`nn.functional.${name}`, ...args);
  }

  /** An entry of the state; CaseFileError when the case lacks it. */
  get(name: string): Tensor {
    const t = Object.hasOwn(this.state, name) ? this.state[name] : undefined;
    if (t === undefined) throw new CaseFileError(`the state has no '${name}'`);
    return t;
  }

  size(name: string): number {
    const v = this.config[name];
    if (typeof v !== 'number') throw new CaseFileError(`the config has no number '${name}'`);
    return v;
  }

  bias(name: string): Tensor | null {
    return Object.hasOwn(this.state, `${name}.bias`) ? this.state[`${name}.bias`] : null;
  }

  conv(name: string, x: Tensor, options: { stride?: number; padding?: number } = {}): Tensor {
    return this.f('conv2d', x, this.get(`${name}.weight`), this.bias(name), { kw: options });
  }

  linear(name: string, x: Tensor): Tensor {
    return this.f('linear', x, this.get(`${name}.weight`), this.bias(name));
  }

  embedding(name: string, index: Tensor): Tensor {
    return this.f('embedding', index, this.get(`${name}.weight`));
  }

  layerNorm(name: string, x: Tensor, eps: number): Tensor {
    const weight = this.get(`${name}.weight`);
    return this.f('layer_norm', x, [weight.shape[0]], weight, this.bias(name), { kw: { eps } });
  }

  batchNorm(name: string, x: Tensor): Tensor {
    if (this.train) ft.noGrad(() => void this.op('Tensor.add_', this.get(`${name}.num_batches_tracked`), 1));
    return this.f('batch_norm', x, this.get(`${name}.running_mean`), this.get(`${name}.running_var`), {
      kw: { weight: this.get(`${name}.weight`), bias: this.bias(name), training: this.train, momentum: 0.1, eps: 1e-5 },
    });
  }

  relu(x: Tensor): Tensor {
    return this.f('relu', x);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.op('add', a, b);
  }

  /** Mean over height and width: [N, C, H, W] -> [N, C]. */
  globalPool(x: Tensor): Tensor {
    return this.op('mean', x, { kw: { dim: [2, 3] } });
  }

  loss(logits: Tensor, target: Tensor, options: Record<string, unknown> = {}): Tensor {
    return this.f('cross_entropy', logits, target, { kw: options });
  }
}

type Build = (net: Net, args: readonly Tensor[]) => Tensor[];

const leNet: Build = (net, [x, target]) => {
  let h = net.f('avg_pool2d', net.relu(net.conv('conv1', x, { padding: 2 })), 2);
  h = net.f('max_pool2d', net.relu(net.conv('conv2', h)), 2);
  const logits = net.linear('fc2', net.op('tanh', net.linear('fc1', net.op('flatten', h, 1))));
  return [logits, net.loss(logits, target)];
};

const resNet: Build = (net, [x, target]) => {
  let h = net.relu(net.batchNorm('bn', net.conv('conv', x, { padding: 1 })));
  [1, 2, 1].forEach((stride, i) => {
    const b = `blocks.${i}`;
    let y = net.relu(net.batchNorm(`${b}.bn1`, net.conv(`${b}.conv1`, h, { stride, padding: 1 })));
    y = net.batchNorm(`${b}.bn2`, net.conv(`${b}.conv2`, y, { padding: 1 }));
    const skip = `${b}.down.0.weight` in net.state ? net.batchNorm(`${b}.down.1`, net.conv(`${b}.down.0`, h, { stride })) : h;
    h = net.relu(net.add(y, skip));
  });
  const logits = net.linear('fc', net.globalPool(h));
  return [logits, net.loss(logits, target)];
};

const vgg: Build = (net, [x, target]) => {
  let h = x;
  for (const [first, second] of [
    [0, 2],
    [5, 7],
  ]) {
    h = net.relu(net.conv(`features.${first}`, h, { padding: 1 }));
    h = net.f('max_pool2d', net.relu(net.conv(`features.${second}`, h, { padding: 1 })), 2);
  }
  const logits = net.linear('head.4', net.relu(net.linear('head.1', net.op('flatten', h, 1))));
  return [logits, net.loss(logits, target, { label_smoothing: net.size('ls') })];
};

const inception: Build = (net, [x, target]) => {
  const conv = (name: string, v: Tensor, padding = 0): Tensor => net.relu(net.conv(name, v, { padding }));
  const branches = [
    conv('b1', x),
    conv('b2_2', conv('b2_1', x), 1),
    conv('b3_2', conv('b3_1', x), 2),
    conv('b4_2', net.f('max_pool2d', x, 3, { kw: { stride: 1, padding: 1 } })),
  ];
  const logits = net.linear('fc', net.globalPool(net.op('cat', branches, 1)));
  return [logits, net.loss(logits, target)];
};

const denseNet: Build = (net, [x, target]) => {
  let h = net.conv('stem', x, { padding: 1 });
  for (let i = 0; i < net.size('layers'); i++)
    h = net.op('cat', [h, net.conv(`conv.${i}`, net.relu(net.batchNorm(`norm.${i}`, h)), { padding: 1 })], 1);
  h = net.f('avg_pool2d', net.conv('tconv', net.relu(net.batchNorm('tnorm', h))), 2);
  const logits = net.linear('fc', net.globalPool(net.relu(net.batchNorm('onorm', h))));
  return [logits, net.loss(logits, target)];
};

const builds: Readonly<Record<string, Build>> = {
  'networks.LeNet': leNet,
  'networks.ResNet': resNet,
  'networks.VGG': vgg,
  'networks.Inception': inception,
  'networks.DenseNet': denseNet,
  'networks.GRUSeq2Seq': gruSeq2Seq,
  'networks.Transformer': transformer,
  'networks.ViT': vit,
  'networks.BERT': bert,
};

export function runNetwork(ctx: Context, c: Case): Difference | null {
  const build = Object.hasOwn(builds, c.op) ? builds[c.op] : undefined;
  if (build === undefined) throw new Unavailable(c.op, null);
  const tol = toleranceOf(c, ctx.factor);
  const expectedGrads = c.grads ?? {};
  const paths = Object.keys(expectedGrads);
  const decoder = new Decoder(ctx.group.name, ctx.group.tensors, paths);
  const state = decoder.named(c.state ?? {}, 'state') as Record<string, Tensor>;
  const leaves = new Map(decoder.leaves);
  for (const path of paths.filter((p) => p.startsWith('param.'))) {
    const t = state[path.slice('param.'.length)];
    if (t === undefined) throw new CaseFileError(`grads names ${path}, which is not in the state`);
    t.requiresGrad = true;
    leaves.set(path, t);
  }
  const args = decoder.list(c.args ?? [], 'args') as Tensor[];
  const config = Object.fromEntries(
    Object.entries(decoder.named(c.config ?? {}, 'config')).map(([k, v]) => [
      k,
      typeof v === 'number' ? v : (v as { value: number }).value,
    ]),
  );
  leaves.set('args.0', decoder.leaves.get('args.0') ?? args[0]);
  const results = ctx.execution.run({ state, args }, (v) => build(new Net(ctx, v.state, c.train ?? true, config), v.args));
  const d = compareResults(
    results,
    (c.out ?? []).map((v) => decoder.expected(v)),
    tol,
  );
  if (d !== null) return d;
  // The loss is the scalar among the results, and gradients are its own.
  const loss = results.find((t) => t.ndim === 0) as Tensor;
  const inputs = paths.map((p) => leaves.get(p) as Tensor);
  const grads = gradientsOf([loss], [ft.ones([], { dtype: loss.dtype })], inputs, false);
  for (let i = 0; i < paths.length; i++) {
    const g = compareGradient(`grad ${paths[i]}`, grads[i], decoder.expected(expectedGrads[paths[i]]) as HostArray, tol);
    if (g !== null) return g;
  }
  return checkAfter(decoder, 'state_after', c.state_after, (key) => state[key], tol);
}
