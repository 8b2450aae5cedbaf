// Micro benchmark of the kernels through the machine: elementwise and reduction bandwidth, transcendental throughput, latency.
// node bench/kernels.mjs [--threads N] [--variant NAME]   (needs a built dist/)
import { createWasmMachine } from '../dist/backends/wasm/index.js';
import { platform } from '../dist/platform/node.js';

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : undefined;
};
const machine = createWasmMachine(platform, { threads: Number(option('threads') ?? 1), variant: option('variant') });
machine.grow(machine.heapBase + 512 * 2 ** 20);
let top = Math.ceil(machine.heapBase / 64) * 64;
const memory = () => machine.buffer();
const alloc = (bytes) => {
  const address = top;
  top += Math.ceil((bytes + 64) / 64) * 64;
  return address;
};
const words = (list) => {
  const address = alloc(list.length * 8);
  new Float64Array(memory(), address, list.length).set(list);
  return address;
};

// Median of batches, in nanoseconds a call.
function time(address, count, { batches = 15, ms = 20 } = {}) {
  const once = () => {
    const start = performance.now();
    machine.execute(address, count);
    return performance.now() - start;
  };
  for (let end = performance.now() + 200; performance.now() < end; ) once();
  const repeat = Math.max(1, Math.ceil(ms / Math.max(1e-4, once())));
  const times = [];
  for (let b = 0; b < batches; b++) {
    const start = performance.now();
    for (let i = 0; i < repeat; i++) machine.execute(address, count);
    times.push(((performance.now() - start) * 1e6) / repeat);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}

const encode = (op, rest) => [op, rest.length + 2, ...rest];
const program = (steps, regs, results) => words([steps.length, regs, ...results, ...steps.flat()]);
const float = (n) => {
  const address = alloc(4 * n);
  const view = new Float32Array(memory(), address, n);
  for (let i = 0; i < n; i++) view[i] = ((i * 7919) % 1000) / 250 - 2;
  return address;
};
const ewise = (p, shape, outs, ins, constants = []) =>
  encode(1, [
    p,
    ins.length,
    outs.length,
    constants.length,
    shape.length,
    shape.reduce((a, b) => a * b, 1),
    0,
    ...outs.flatMap((o) => [o[0], 0]),
    ...ins.flatMap((o) => [o[0], 0]),
    ...shape,
    ...outs.flatMap((o) => o[1]),
    ...ins.flatMap((o) => o[1]),
    ...constants,
  ]);
const reduce = (p, kind, kept, reduced, out, ins) =>
  encode(2, [
    p,
    ins.length,
    0,
    kept.length,
    reduced.length,
    0,
    kind,
    out,
    0,
    0,
    1,
    ...ins.flatMap((o) => [o[0], 0]),
    ...kept,
    ...reduced,
    ...ins.flatMap((o) => o[1]),
    ...ins.flatMap((o) => o[2]),
  ]);
const row = (name, ns, note) =>
  console.log(`${name.padEnd(44)} ${(ns < 1e4 ? `${ns.toFixed(1)} ns` : `${(ns / 1e3).toFixed(1)} us`).padStart(12)}  ${note}`);

console.log(`${machine.variant}, ${option('threads') ?? 1} thread(s)`);
const binary = program([[64, 2, 0, 1, 0]], 3, [2]);
const copy = program([], 1, [0]);
const unary = (op) => program([[op, 1, 0, 0, 0]], 2, [1]);

{
  const [a, b, c] = [float(10), float(10), float(10)];
  const one = ewise(
    binary,
    [10],
    [[c, [1]]],
    [
      [a, [1]],
      [b, [1]],
    ],
  );
  const many = words(Array.from({ length: 1000 }, () => one).flat());
  row('add, 10 elements, in a list of 1000', time(many, 1000) / 1000, 'an instruction');
  row('add, 10 elements, one execute call', time(words(one), 1), 'a call');
  const broadcast = ewise(
    binary,
    [64, 10],
    [[float(640), [10, 1]]],
    [
      [float(640), [10, 1]],
      [b, [0, 1]],
    ],
  );
  row('add, [64, 10] + [10]', time(words(broadcast), 1), 'a call');
  row('sum of 10 elements', time(words(reduce(copy, 0, [], [10], c, [[a, [], [1]]])), 1), 'a call');
}
for (const n of [1000, 30_000, 1_000_000, 8_000_000]) {
  const [a, b, c] = [float(n), float(n), float(n)];
  const dense = [1];
  const report = (name, words_, bytes) => {
    const ns = time(words_, 1, { batches: 9 });
    row(`${name}, n = ${n}`, ns, `${(bytes / ns).toFixed(1)} GB/s, ${(n / ns).toFixed(2)} elements/ns`);
  };
  report(
    'add',
    words(
      ewise(
        binary,
        [n],
        [[c, dense]],
        [
          [a, dense],
          [b, dense],
        ],
      ),
    ),
    12 * n,
  );
  report('add constant', words(ewise(binary, [n], [[c, dense]], [[a, dense]], [1.5])), 8 * n);
  report('copy', words(ewise(copy, [n], [[c, dense]], [[a, dense]])), 8 * n);
  report('sum', words(reduce(copy, 0, [], [n], c, [[a, [], [1]]])), 4 * n);
  report('max', words(reduce(copy, 2, [], [n], c, [[a, [], [1]]])), 4 * n);
  if (n > 30_000) {
    const rows = n / 1000;
    report('column sums of [n/1000, 1000]', words(reduce(copy, 0, [1000], [rows], c, [[a, [1], [1000]]])), 4 * n);
    report('column sums of [n/10, 10]', words(reduce(copy, 0, [10], [n / 10], c, [[a, [1], [10]]])), 4 * n);
    report('row sums of [n/10, 10]', words(reduce(copy, 0, [n / 10], [10], c, [[a, [10], [1]]])), 4 * n);
    report('transpose of [n/1000, 1000]', words(ewise(copy, [1000, rows], [[c, [rows, 1]]], [[a, [1, 1000]]])), 8 * n);
    report(
      '[n/1000, 1000] + row',
      words(
        ewise(
          binary,
          [rows, 1000],
          [[c, [1000, 1]]],
          [
            [a, [1000, 1]],
            [b, [0, 1]],
          ],
        ),
      ),
      8 * n,
    );
    continue;
  }
  for (const [name, op] of [
    ['exp', 12],
    ['log', 15],
    ['tanh', 27],
    ['sigmoid', 31],
    ['erf', 33],
    ['softplus', 59],
    ['sin', 19],
    ['sqrt', 8],
    ['lgamma', 36],
  ])
    report(name, words(ewise(unary(op), [n], [[c, dense]], [[a, dense]])), 8 * n);
}
machine.close();
