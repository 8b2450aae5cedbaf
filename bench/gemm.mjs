// Times the matrix product and LeNet's convolutions on the WebAssembly kernels: node bench/gemm.mjs [--threads N] [--variant NAME] [--json] [names]
// Prints milliseconds (median and minimum over rounds) and GFLOP/s of the median. Run `node scripts/build-kernels.mjs` first.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';

const argument = (name, fallback) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback);
const threads = Number(argument('--threads', 2));
const variant = argument('--variant', threads > 1 ? 'relaxed-threads' : 'relaxed');
const json = process.argv.includes('--json');
const wanted = process.argv.slice(2).filter((a, i, all) => !a.startsWith('--') && !['--threads', '--variant'].includes(all[i - 1]));
if (variant.startsWith('relaxed')) setFlagsFromString('--experimental-wasm-relaxed-simd');

const module = new WebAssembly.Module(readFileSync(new URL(`../dist/kernels/fathom-${variant}.wasm`, import.meta.url)));
const memory = new WebAssembly.Memory({ initial: 512, maximum: 16384, shared: variant.endsWith('-threads') });
const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
if (kernels.pool_start) {
  kernels.pool_start(threads);
  const source = `const { module, memory, index } = require('node:worker_threads').workerData;
    const k = new WebAssembly.Instance(module, { env: { memory } }).exports; k.worker_main(index, k.worker_stack(index));`;
  for (let index = 1; index < threads; index++) new Worker(source, { eval: true, workerData: { module, memory, index } }).unref();
  while (kernels.pool_ready() < threads - 1) await new Promise((resolve) => setTimeout(resolve, 1));
}

const heap = Math.ceil(kernels.heap_base() / 64) * 64;
let top = heap;
function allocate(bytes) {
  const address = top;
  top += Math.ceil(bytes / 64) * 64 + 64;
  if (top > memory.buffer.byteLength) memory.grow(Math.ceil((top - memory.buffer.byteLength) / 65536));
  return address;
}
function floats(n) {
  const address = allocate(4 * n);
  const values = new Float32Array(memory.buffer, address, n);
  for (let i = 0; i < n; i++) values[i] = Math.random() - 0.5;
  return address;
}
function instruction(words) {
  const list = [words[0], words.length + 1, ...words.slice(1)];
  const address = allocate(8 * list.length);
  new Float64Array(memory.buffer, address, list.length).set(list);
  return address;
}

const matmul = (M, N, K, { transA = false, transB = false, batch = 1, activation = 0 } = {}) => {
  const a = floats(batch * M * K);
  const b = floats(batch * K * N);
  const c = floats(batch * M * N);
  const strides = [...(transA ? [1, M] : [K, 1]), ...(transB ? [1, K] : [N, 1])];
  const words = [3, 0, M, N, K, a, strides[0], strides[1], b, strides[2], strides[3], c, N, batch > 1 ? 1 : 0, 0, 0, activation, 0];
  if (batch > 1) words.push(batch, M * K, K * N, M * N);
  return { address: instruction(words), flops: 2 * batch * M * N * K };
};
const conv = (opcode, N, Cin, H, Cout, KH, { stride = 1, padding = 0, groups = 1 } = {}) => {
  const O = Math.floor((H + 2 * padding - KH) / stride) + 1;
  const x = floats(N * Cin * H * H);
  const weight = floats((Cout * Cin * KH * KH) / groups);
  const y = floats(N * Cout * O * O);
  const bias = opcode === 5 ? 0 : floats(Cout);
  const words = [opcode, 0, N, Cin, H, H, Cout, KH, KH, stride, stride, padding, padding, 1, 1, groups, O, O, x, weight, y, bias, 0, 0, 0];
  const address = instruction(words);
  const bytes = kernels.conv_workspace(address);
  if (bytes > 0) {
    const workspace = allocate(bytes);
    const view = new Float64Array(memory.buffer, address, 26);
    view[24] = workspace;
    view[25] = bytes;
  }
  return { address, flops: (2 * N * Cout * O * O * Cin * KH * KH) / groups };
};
const pool = (opcode, planes, H, K, kind = 1) => {
  const O = Math.floor(H / K);
  const index = kind === 0 ? allocate(4 * planes * O * O) : 0;
  const words = [opcode, 0, kind, planes, H, H, K, K, K, K, 0, 0, 1, 1, O, O, floats(planes * H * H), floats(planes * O * O), index, 1, 0];
  return { address: instruction(words), flops: planes * H * H };
};

const cases = {
  tiny_32x2x1: () => matmul(32, 1, 2),
  small_16: () => matmul(16, 16, 16),
  softmax_forward: () => matmul(256, 10, 784, { transB: true }),
  softmax_dw: () => matmul(10, 784, 256, { transA: true }),
  mlp_forward: () => matmul(256, 256, 784, { transB: true }),
  mlp_dw1: () => matmul(256, 784, 256, { transA: true }),
  mlp_forward2: () => matmul(256, 10, 256, { transB: true }),
  mlp_dw2: () => matmul(10, 256, 256, { transA: true }),
  mlp_dx2: () => matmul(256, 256, 10),
  lenet_fc1: () => matmul(128, 120, 400, { transB: true }),
  lenet_fc1_dw: () => matmul(120, 400, 128, { transA: true }),
  lenet_fc1_dx: () => matmul(128, 400, 120),
  lenet_fc3: () => matmul(128, 10, 84, { transB: true }),
  lenet_fc3_dw: () => matmul(10, 84, 128, { transA: true }),
  matvec_1024: () => matmul(1024, 1, 1024),
  vecmat_1024: () => matmul(1, 1024, 1024),
  rnn_32: () => matmul(1024, 32, 28),
  rnn_dw: () => matmul(32, 32, 1024, { transA: true }),
  attention: () => matmul(64, 64, 64, { batch: 64 }),
  gemm512: () => matmul(512, 512, 512),
  gemm1024: () => matmul(1024, 1024, 1024),
  gemm1024_nt: () => matmul(1024, 1024, 1024, { transB: true }),
  gemm1024_tn: () => matmul(1024, 1024, 1024, { transA: true }),
  lenet_conv1: () => conv(4, 128, 1, 28, 6, 5, { padding: 2 }),
  lenet_conv1_dw: () => conv(6, 128, 1, 28, 6, 5, { padding: 2 }),
  lenet_conv2: () => conv(4, 128, 6, 14, 16, 5),
  lenet_conv2_dw: () => conv(6, 128, 6, 14, 16, 5),
  lenet_conv2_dx: () => conv(5, 128, 6, 14, 16, 5),
  lenet_pool1: () => pool(7, 128 * 6, 28, 2),
  lenet_pool1_dx: () => pool(8, 128 * 6, 28, 2),
  lenet_pool2: () => pool(7, 128 * 16, 10, 2),
  lenet_pool2_dx: () => pool(8, 128 * 16, 10, 2),
  alexnet_conv1: () => conv(4, 16, 1, 224, 96, 11, { stride: 4, padding: 1 }),
  alexnet_conv1_dw: () => conv(6, 16, 1, 224, 96, 11, { stride: 4, padding: 1 }),
  alexnet_conv2: () => conv(4, 4, 96, 26, 256, 5, { padding: 2 }),
  alexnet_conv2_dw: () => conv(6, 4, 96, 26, 256, 5, { padding: 2 }),
  alexnet_conv2_dx: () => conv(5, 4, 96, 26, 256, 5, { padding: 2 }),
  vgg_conv2: () => conv(4, 2, 32, 112, 64, 3, { padding: 1 }),
  vgg_conv2_dw: () => conv(6, 2, 32, 112, 64, 3, { padding: 1 }),
  vgg_conv2_dx: () => conv(5, 2, 32, 112, 64, 3, { padding: 1 }),
  resnet_stem: () => conv(4, 8, 1, 96, 64, 7, { stride: 2, padding: 3 }),
  resnet_64: () => conv(4, 32, 64, 24, 64, 3, { padding: 1 }),
  resnet_64_dw: () => conv(6, 32, 64, 24, 64, 3, { padding: 1 }),
  resnet_64_dx: () => conv(5, 32, 64, 24, 64, 3, { padding: 1 }),
  resnet_512: () => conv(4, 32, 512, 3, 512, 3, { padding: 1 }),
  resnet_512_dw: () => conv(6, 32, 512, 3, 512, 3, { padding: 1 }),
  resnet_512_dx: () => conv(5, 32, 512, 3, 512, 3, { padding: 1 }),
  pointwise: () => conv(4, 16, 64, 24, 128, 1),
  depthwise: () => conv(4, 16, 64, 24, 64, 3, { padding: 1, groups: 64 }),
};

for (const name of wanted) if (!cases[name]) throw new Error(`${name}: expected some of ${Object.keys(cases).join(', ')}`);
for (const [name, make] of Object.entries(cases)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  top = heap;
  const { address, flops } = make();
  const code = kernels.execute(address, 1);
  if (code !== 0) {
    console.log(`${name.padEnd(20)} error ${code}`);
    continue;
  }
  // Enough calls a round for 4 ms, after 0.3 s in which the engine optimises.
  const warmEnd = performance.now() + 300;
  let calls = 0;
  const warmStart = performance.now();
  while (performance.now() < warmEnd) {
    kernels.execute(address, 1);
    calls++;
  }
  const repeat = Math.max(1, Math.round((4 * calls) / (performance.now() - warmStart)));
  const times = [];
  for (let round = 0; round < 25; round++) {
    const start = performance.now();
    for (let i = 0; i < repeat; i++) kernels.execute(address, 1);
    times.push((performance.now() - start) / repeat);
  }
  times.sort((a, b) => a - b);
  const ms = times[12];
  if (json) console.log(JSON.stringify({ engine: 'fathom', backend: 'wasm', variant, threads, name, ms, min: times[0], n: times.length }));
  else
    console.log(
      `${name.padEnd(20)} ${ms.toFixed(4).padStart(10)} ms  min ${times[0].toFixed(4).padStart(10)}  ${(flops / ms / 1e6).toFixed(1).padStart(6)} GFLOP/s`,
    );
}
process.exit(0);
