// The sequence workloads: recurrent language models, translation, BERT, vision transformer and word vectors, with PyTorch's measured shapes.

import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';
import { type Step, stepOf, trainingStep, type WorkloadOptions, type Workloads } from './step.ts';

const F = nn.functional;
type Recurrent = (x: ft.Tensor) => ft.Tensor;

/** A character model over one-hot inputs: batch n, T steps, h hidden units, a vocabulary of 28. */
function languageModel(
  rnn: Recurrent,
  parameters: ft.Tensor[],
  options: WorkloadOptions = {},
  n = 1024,
  T = 32,
  h = 32,
  vocabulary = 28,
): Step {
  const x = ft.randint(0, vocabulary, [n, T]);
  const y = ft.randint(0, vocabulary, [n, T]);
  const head = new nn.Linear(h, vocabulary);
  const all = [...parameters, ...head.parameters()];
  const opt = new optim.SGD(all, { lr: 1 });
  const loss = (): ft.Tensor => {
    const hidden = rnn(F.oneHot(x.T, { numClasses: vocabulary }).to('float32'));
    return F.crossEntropy(head(hidden).reshape([-1, vocabulary]), y.T.reshape([-1]));
  };
  return trainingStep(opt, loss, options, { parameters: all, norm: 1 });
}

const builtIn = (net: nn.RNN | nn.GRU | nn.LSTM, options: WorkloadOptions = {}, n?: number, T?: number, h?: number): Step =>
  languageModel((x) => net(x)[0], net.parameters(), options, n, T, h);

/** An Elman network written with matrix products per time step. */
function scratchModel(options: WorkloadOptions = {}, vocabulary = 28, h = 32): Step {
  const weight = (shape: number[], scale: number): nn.Parameter => new nn.Parameter(ft.randn(shape).mul(scale));
  const wx = weight([vocabulary, h], 0.01);
  const wh = weight([h, h], 0.01);
  const b = weight([h], 0);
  return languageModel(
    (x) => {
      let state = ft.zeros([x.shape[1], h]);
      const out: ft.Tensor[] = [];
      for (let t = 0; t < x.shape[0]; t++) {
        state = x.select(0, t).matmul(wx).add(state.matmul(wh)).add(b).tanh();
        out.push(state);
      }
      return ft.stack(out);
    },
    [wx, wh, b],
    options,
  );
}

/** Masks of attention: [N] lengths of the keys, and numbers added to the scores. */
interface Masks {
  /** [N, 1, 1, S], true where a key is padding. */
  hidden?: ft.Tensor;
  causal?: ft.Tensor;
}

/** Attention over heads as the book writes it: the weights exist, so that they can be shown. */
class Attention extends nn.Module<[ft.Tensor, ft.Tensor, Masks?]> {
  readonly q: nn.Linear;
  readonly k: nn.Linear;
  readonly v: nn.Linear;
  readonly o: nn.Linear;
  readonly heads: number;
  readonly p: number;

  constructor(d: number, heads: number, p: number) {
    super();
    const layer = (): nn.Linear => new nn.Linear(d, d, { bias: false });
    [this.q, this.k, this.v, this.o] = [layer(), layer(), layer(), layer()];
    this.heads = heads;
    this.p = p;
  }

  forward(x: ft.Tensor, memory: ft.Tensor, { hidden, causal }: Masks = {}): ft.Tensor {
    const [n, length, d] = x.shape;
    const width = d / this.heads;
    const split = (t: ft.Tensor): ft.Tensor => t.reshape([n, -1, this.heads, width]).transpose(1, 2);
    const [q, k, v] = [split(this.q(x)), split(this.k(memory)), split(this.v(memory))];
    let scores = q.matmul(k.transpose(-1, -2)).div(Math.sqrt(width));
    if (hidden !== undefined) scores = scores.maskedFill(hidden, -1e6);
    if (causal !== undefined) scores = scores.add(causal);
    const weights = F.dropout(scores.softmax(-1), { p: this.p, training: this.training });
    return this.o(weights.matmul(v).transpose(1, 2).reshape([n, length, d]));
  }
}

/** A post-norm block; with `cross` it attends to a memory too. */
class Block extends nn.Module<[ft.Tensor, Masks?, ft.Tensor?, Masks?]> {
  readonly a: Attention;
  readonly n1: nn.LayerNorm;
  readonly f: nn.Module;
  readonly n2: nn.LayerNorm;
  readonly c: Attention | null;
  readonly n3: nn.LayerNorm | null;
  readonly p: number;

  constructor(d: number, hidden: number, heads: number, p: number, cross = false) {
    super();
    this.a = new Attention(d, heads, p);
    this.n1 = new nn.LayerNorm(d);
    this.f = new nn.Sequential(new nn.Linear(d, hidden), new nn.ReLU(), new nn.Linear(hidden, d));
    this.n2 = new nn.LayerNorm(d);
    this.c = cross ? new Attention(d, heads, p) : null;
    this.n3 = cross ? new nn.LayerNorm(d) : null;
    this.p = p;
  }

  forward(input: ft.Tensor, masks?: Masks, memory?: ft.Tensor, memoryMasks?: Masks): ft.Tensor {
    const drop = (t: ft.Tensor): ft.Tensor => F.dropout(t, { p: this.p, training: this.training });
    let x = this.n1(input.add(drop(this.a(input, input, masks))));
    if (this.c !== null && this.n3 !== null && memory !== undefined) x = this.n3(x.add(drop(this.c(x, memory, memoryMasks))));
    return this.n2(x.add(drop(this.f(x))));
  }
}

/** [N, 1, 1, S], true at and behind the length of each sequence. */
const behind = (lengths: ft.Tensor, s: number): ft.Tensor =>
  ft
    .arange(s)
    .reshape([1, 1, 1, s])
    .ge(lengths.reshape([-1, 1, 1, 1]));

function translation(options: WorkloadOptions = {}): Step {
  const [V, d, B, T] = [200, 256, 128, 9];
  const source = new nn.Embedding(V, d);
  const target = new nn.Embedding(V, d);
  const encoder = [0, 1].map(() => new Block(d, 64, 4, 0.2));
  const decoder = [0, 1].map(() => new Block(d, 64, 4, 0.2, true));
  const head = new nn.Linear(d, V);
  const tokens = (): ft.Tensor => ft.randint(0, V, [B, T]);
  const [src, tgt, y] = [tokens(), tokens(), tokens()];
  const lengths = ft.randint(3, T, [B]);
  const causal = ft.full([T, T], -1e6, { dtype: 'float32' }).triu({ diagonal: 1 });
  const all = [source, target, ...encoder, ...decoder, head].flatMap((m) => m.parameters());
  const opt = new optim.Adam(all, { lr: 1e-3 });
  return stepOf(() => {
    opt.zeroGrad();
    const masks = { hidden: behind(lengths, T) };
    let x = source(src).mul(16);
    for (const b of encoder) x = b(x, masks);
    let z = target(tgt).mul(16);
    for (const b of decoder) z = b(z, { causal }, x, masks);
    const loss = F.crossEntropy(head(z).reshape([-1, V]), y.reshape([-1]));
    loss.backward();
    nn.clipGradNorm_(all, 1);
    opt.step();
    return loss;
  }, options);
}

function bert(options: WorkloadOptions = {}): Step {
  const [V, d, T, B] = [20256, 128, 64, 64];
  const tokens = new nn.Embedding(V, d);
  const segments = new nn.Embedding(2, d);
  const position = new nn.Parameter(ft.randn([1, 1000, d]));
  const blocks = [0, 1].map(() => new Block(d, 256, 2, 0.2));
  const masked = new nn.Sequential(new nn.Linear(d, d), new nn.ReLU(), new nn.LayerNorm(d), new nn.Linear(d, V));
  const next = new nn.Sequential(new nn.Linear(d, d), new nn.Tanh(), new nn.Linear(d, 2));
  const x = ft.randint(0, V, [B, T]);
  const s = ft.randint(0, 2, [B, T]);
  const places = ft.randint(0, T, [B, 10]);
  const y = ft.randint(0, V, [B, 10]);
  const follows = ft.randint(0, 2, [B]);
  const lengths = ft.randint(30, T, [B]);
  const rows = ft.arange(B).unsqueeze(1);
  const all = [position, ...[tokens, segments, ...blocks, masked, next].flatMap((m) => m.parameters())];
  const opt = new optim.Adam(all, { lr: 0.01 });
  return stepOf(() => {
    opt.zeroGrad();
    let z = tokens(x)
      .add(segments(s))
      .add(position.narrow(1, 0, T));
    const masks = { hidden: behind(lengths, T) };
    for (const b of blocks) z = b(z, masks);
    const logits = masked(z.index([rows, places]));
    const loss = F.crossEntropy(logits.reshape([-1, V]), y.reshape([-1])).add(F.crossEntropy(next(z.select(1, 0)), follows));
    loss.backward();
    opt.step();
    return loss;
  }, options);
}

/** A pre-norm block with a GELU network. */
class VisionBlock extends nn.Module {
  readonly n1: nn.LayerNorm;
  readonly a: Attention;
  readonly n2: nn.LayerNorm;
  readonly f: nn.Module;

  constructor(d: number) {
    super();
    this.n1 = new nn.LayerNorm(d);
    this.a = new Attention(d, 8, 0.1);
    this.n2 = new nn.LayerNorm(d);
    this.f = new nn.Sequential(new nn.Linear(d, 2048), new nn.GELU(), new nn.Dropout(0.1), new nn.Linear(2048, d), new nn.Dropout(0.1));
  }

  forward(x: ft.Tensor): ft.Tensor {
    const z = this.n1(x);
    const y = x.add(this.a(z, z));
    return y.add(this.f(this.n2(y)));
  }
}

function visionTransformer(options: WorkloadOptions = {}): Step {
  const d = 512;
  const patches = new nn.Conv2d(1, d, 16, { stride: 16 });
  const cls = new nn.Parameter(ft.zeros([1, 1, d]));
  const position = new nn.Parameter(ft.randn([1, 37, d]));
  const blocks = [0, 1].map(() => new VisionBlock(d));
  const head = new nn.Sequential(new nn.LayerNorm(d), new nn.Linear(d, 10));
  const x = ft.randn([32, 1, 96, 96]);
  const y = ft.randint(0, 10, [32]);
  const all = [cls, position, ...[patches, ...blocks, head].flatMap((m: nn.AnyModule) => m.parameters())];
  const opt = new optim.SGD(all, { lr: 0.1 });
  return stepOf(() => {
    opt.zeroGrad();
    let z = patches(x).flatten(2).transpose(1, 2);
    z = ft.cat([cls.expand([32, -1, -1]), z], 1).add(position);
    for (const b of blocks) z = b(z);
    const loss = F.crossEntropy(head(z.select(1, 0)), y);
    loss.backward();
    opt.step();
    return loss;
  }, options);
}

/** Skip-gram with negative sampling. */
function wordVectors(options: WorkloadOptions = {}): Step {
  const V = 6719;
  const center = new nn.Embedding(V, 100);
  const context = new nn.Embedding(V, 100);
  const opt = new optim.Adam([...center.parameters(), ...context.parameters()], { lr: 0.002 });
  const x = ft.randint(0, V, [512, 1]);
  const y = ft.randint(0, V, [512, 60]);
  const target = ft.randint(0, 2, [512, 60]).to('float32');
  return stepOf(() => {
    opt.zeroGrad();
    const scores = ft.bmm(center(x), context(y).transpose(1, 2)).squeeze(1);
    const loss = F.binaryCrossEntropyWithLogits(scores, target);
    loss.backward();
    opt.step();
    return loss;
  }, options);
}

/** Builders by name; building is not measured. */
export const sequenceWorkloads: Workloads = {
  rnn_scratch_lm: (options) => scratchModel(options),
  rnn_lm: (options) => builtIn(new nn.RNN(28, 32), options),
  gru_lm: (options) => builtIn(new nn.GRU(28, 32), options),
  lstm_lm: (options) => builtIn(new nn.LSTM(28, 32), options),
  lstm_h256_b32: (options) => builtIn(new nn.LSTM(28, 256, { numLayers: 2 }), options, 32, 35, 256),
  transformer_nmt: translation,
  vit_b32: visionTransformer,
  bert_b64: bert,
  word2vec: wordVectors,
};
