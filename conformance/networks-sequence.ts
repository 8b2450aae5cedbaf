// The sequence networks of the cases: attention models and an encoder-decoder with gated recurrent units.

import { ft, type Tensor } from './library.ts';
import type { Net } from './networks.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** [N, 1, 1, S] true where position s lies at or behind the length of its sequence. */
function behind(lengths: Tensor, s: number): Tensor {
  const n = ft.numbersSync(lengths);
  return ft.tensor(
    n.map((len) => [[range(s).map((i) => i >= len)]]),
    { dtype: 'bool' },
  );
}

/** [1, 1, T, T] true above the diagonal. */
const future = (t: number): Tensor => ft.tensor([[range(t).map((i) => range(t).map((j) => j > i))]], { dtype: 'bool' });

/** softmax(q kᵀ / sqrt(d)) v over heads: q [N, T, H d], k and v [N, S, H d], mask broadcast to [N, H, T, S] (true: hidden). */
export function attend(net: Net, q: Tensor, k: Tensor, v: Tensor, heads: number, mask: Tensor | null): Tensor {
  const [n, , width] = q.shape;
  const d = width / heads;
  const split = (x: Tensor): Tensor => net.op('transpose', net.op('reshape', x, [n, x.shape[1], heads, d]), 1, 2);
  let scores = net.op('div', net.op('matmul', split(q), net.op('transpose', split(k), -2, -1)), Math.sqrt(d));
  if (mask !== null) scores = net.op('masked_fill', scores, mask, Number.NEGATIVE_INFINITY);
  const joined = net.op('matmul', net.op('softmax', scores, -1), split(v));
  return net.op('reshape', net.op('transpose', joined, 1, 2), [n, q.shape[1], width]);
}

/** P[t, 2i] = sin(t / 10000^(2i/d)), P[t, 2i+1] = cos of the same. */
const positionCode = (length: number, d: number): Tensor =>
  ft.tensor(
    range(length).map((t) =>
      range(d).map((j) => {
        const angle = t / 10000 ** ((j - (j % 2)) / d);
        return ft.float(j % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
      }),
    ),
    { dtype: 'float32' },
  );

export function transformer(net: Net, [src, srcLen, tgtIn, tgtOut]: readonly Tensor[]): Tensor[] {
  const d = net.size('d');
  const embed = (name: string, tokens: Tensor): Tensor => {
    const e = net.op('mul', net.embedding(name, tokens), Math.sqrt(d));
    return net.add(e, positionCode(tokens.shape[1], d).to(e.dtype));
  };
  const attention = (name: string, x: Tensor, memory: Tensor, mask: Tensor): Tensor =>
    net.linear(
      `${name}.wo`,
      attend(net, net.linear(`${name}.wq`, x), net.linear(`${name}.wk`, memory), net.linear(`${name}.wv`, memory), net.size('heads'), mask),
    );
  const norm = (name: string, x: Tensor, y: Tensor): Tensor => net.layerNorm(name, net.add(x, y), 1e-5);
  const feedForward = (b: string, x: Tensor): Tensor => norm(`${b}.norm3`, x, net.linear(`${b}.ff2`, net.relu(net.linear(`${b}.ff1`, x))));
  const hidden = behind(srcLen, src.shape[1]);
  let memory = embed('src_emb', src);
  for (const b of ['enc.0', 'enc.1']) {
    memory = norm(`${b}.norm1`, memory, attention(`${b}.attn`, memory, memory, hidden));
    memory = feedForward(b, memory);
  }
  let x = embed('tgt_emb', tgtIn);
  const causal = future(tgtIn.shape[1]);
  for (const b of ['dec.0', 'dec.1']) {
    x = norm(`${b}.norm1`, x, attention(`${b}.attn`, x, x, causal));
    x = norm(`${b}.norm2`, x, attention(`${b}.cross`, x, memory, hidden));
    x = feedForward(b, x);
  }
  const logits = net.linear('out', x);
  return [logits, sequenceLoss(net, logits, tgtOut, 0)];
}

/** Mean cross entropy over all positions but those with the ignored label. */
function sequenceLoss(net: Net, logits: Tensor, labels: Tensor, ignored: number): Tensor {
  const classes = logits.shape[logits.ndim - 1];
  return net.loss(net.op('reshape', logits, [-1, classes]), net.op('reshape', labels, [-1]), { ignore_index: ignored });
}

export function vit(net: Net, [image, target]: readonly Tensor[]): Tensor[] {
  const d = net.size('d');
  const patches = net.conv('patch', image, { stride: net.size('ps') });
  const n = image.shape[0];
  let x = net.op('transpose', net.op('flatten', patches, 2), 1, 2);
  x = net.add(net.op('cat', [net.op('Tensor.expand', net.get('cls'), [n, 1, d]), x], 1), net.get('pos'));
  for (const b of ['blocks.0', 'blocks.1']) {
    const qkv = net.linear(`${b}.qkv`, net.layerNorm(`${b}.norm1`, x, 1e-6));
    const [q, k, v] = range(3).map((i) => net.op('narrow', qkv, 2, i * d, d));
    x = net.add(x, net.linear(`${b}.proj`, attend(net, q, k, v, net.size('heads'), null)));
    const h = net.f('gelu', net.linear(`${b}.fc1`, net.layerNorm(`${b}.norm2`, x, 1e-6)));
    x = net.add(x, net.linear(`${b}.fc2`, h));
  }
  const logits = net.linear('head', net.op('select', net.layerNorm('norm', x, 1e-6), 1, 0));
  return [logits, net.loss(logits, target)];
}

export function bert(net: Net, [tokens, segments, lengths, mlmLabels, nspLabel]: readonly Tensor[]): Tensor[] {
  const eps = 1e-12;
  const length = tokens.shape[1];
  let x = net.add(net.embedding('tok', tokens), net.embedding('seg', segments));
  x = net.layerNorm('emb_norm', net.add(x, net.embedding('pos', ft.arange(length))), eps);
  const hidden = behind(lengths, length);
  for (const b of ['layers.0', 'layers.1']) {
    const [q, k, v] = ['query', 'key', 'value'].map((name) => net.linear(`${b}.${name}`, x));
    const a = net.linear(`${b}.attn_out`, attend(net, q, k, v, net.size('heads'), hidden));
    x = net.layerNorm(`${b}.attn_norm`, net.add(x, a), eps);
    const h = net.linear(`${b}.output`, net.f('gelu', net.linear(`${b}.inter`, x)));
    x = net.layerNorm(`${b}.out_norm`, net.add(x, h), eps);
  }
  const dense = net.layerNorm('mlm_norm', net.f('gelu', net.linear('mlm_dense', x)), eps);
  const mlm = net.f('linear', dense, net.get('tok.weight'), net.get('mlm_bias'));
  const nsp = net.linear('nsp', net.op('tanh', net.linear('pool', net.op('select', x, 1, 0))));
  return [mlm, nsp, net.add(sequenceLoss(net, mlm, mlmLabels, -100), net.loss(nsp, nspLabel))];
}

/** One step of a gated recurrent unit (Cho et al. 2014, in PyTorch's gate order r, z, n): x [N, I], h [N, H]. */
function gruStep(net: Net, name: string, x: Tensor, h: Tensor): Tensor {
  const width = h.shape[1];
  const gates = (v: Tensor, kind: 'ih' | 'hh'): Tensor[] => {
    const all = net.f('linear', v, net.get(`${name}.weight_${kind}_l0`), net.get(`${name}.bias_${kind}_l0`));
    return range(3).map((i) => net.op('narrow', all, 1, i * width, width));
  };
  const [xr, xz, xn] = gates(x, 'ih');
  const [hr, hz, hn] = gates(h, 'hh');
  const r = net.op('sigmoid', net.add(xr, hr));
  const z = net.op('sigmoid', net.add(xz, hz));
  const n = net.op('tanh', net.add(xn, net.op('mul', r, hn)));
  // (1 - z) n + z h
  return net.add(n, net.op('mul', z, net.op('sub', h, n)));
}

export function gruSeq2Seq(net: Net, [src, srcLen, tgtIn, tgtOut]: readonly Tensor[]): Tensor[] {
  const [n, s] = src.shape;
  const width = net.size('h');
  const embedded = net.embedding('src_emb', src);
  let h: Tensor = ft.zeros([n, width], { dtype: embedded.dtype });
  const states: Tensor[] = [];
  for (let t = 0; t < s; t++) states.push((h = gruStep(net, 'enc', net.op('select', embedded, 1, t), h)));
  const memory = net.op('stack', states, 1);
  const keys = net.linear('wk', memory);
  const hidden = net.op('reshape', behind(srcLen, s), [n, s]);
  const target = net.embedding('tgt_emb', tgtIn);
  const logits: Tensor[] = [];
  const weights: Tensor[] = [];
  for (let t = 0; t < tgtIn.shape[1]; t++) {
    const query = net.op('unsqueeze', net.linear('wq', h), 1);
    const raw = net.op('squeeze', net.linear('v', net.op('tanh', net.add(query, keys))), -1);
    const w = net.op('softmax', net.op('masked_fill', raw, hidden, Number.NEGATIVE_INFINITY), -1);
    const context = net.op('squeeze', net.op('matmul', net.op('unsqueeze', w, 1), memory), 1);
    h = gruStep(net, 'dec', net.op('cat', [net.op('select', target, 1, t), context], 1), h);
    logits.push(net.linear('out', h));
    weights.push(w);
  }
  const all = net.op('stack', logits, 1);
  return [all, sequenceLoss(net, all, tgtOut, 0), net.op('stack', weights, 1)];
}
