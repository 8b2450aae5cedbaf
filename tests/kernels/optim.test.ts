// The fused updates against torch.optim's formulas, several steps with every combination of options.
import { afterAll, describe, expect, test } from 'vitest';
import { CODE, expectClose, expectSameBytes, type FloatName, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

const bench = new Bench({ bytes: 16 * 2 ** 20 });
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});
const booleans = [false, true];

describe('sgd', () => {
  test('momentum, dampening, weight decay, Nesterov, maximize', () => {
    for (const dtype of ['float32', 'float64'] as FloatName[])
      for (const n of [1, 5, 64, 131])
        for (const momentum of [0, 0.9])
          for (const dampening of momentum ? [0, 0.3] : [0])
            for (const decay of [0, 0.01])
              for (const nesterov of momentum && !dampening ? booleans : [false])
                for (const maximize of booleans) {
                  bench.reset();
                  const lr = 0.1;
                  const p = numbers(n, 1);
                  const at = bench.put(dtype, p);
                  const buffer = momentum ? bench.put(dtype, new Array(n).fill(1e9)) : 0;
                  const b = new Array<number>(n).fill(0);
                  for (let step = 0; step < 3; step++) {
                    const grad = numbers(n, 10 + step);
                    const flags = [nesterov ? 1 : 0, maximize ? 1 : 0, step === 0 ? 1 : 0];
                    const operands = [CODE[dtype], n, at, bench.put(dtype, grad), buffer, lr, momentum, dampening, decay, ...flags];
                    expect(bench.execute(19, operands)).toBe(0);
                    for (let i = 0; i < n; i++) {
                      let g = (maximize ? -grad[i] : grad[i]) + decay * p[i];
                      if (momentum) {
                        b[i] = step === 0 ? g : momentum * b[i] + (1 - dampening) * g;
                        g = nesterov ? g + momentum * b[i] : b[i];
                      }
                      p[i] -= lr * g;
                    }
                  }
                  expectClose(bench.get(dtype, at, n), p, dtype === 'float32' ? 1e-6 : 1e-14);
                  if (buffer) expectClose(bench.get(dtype, buffer, n), b, dtype === 'float32' ? 1e-6 : 1e-14);
                }
  });

  test('no parameters', () => {
    expect(bench.execute(19, [0, 0, 64, 64, 0, 0.1, 0, 0, 0, 0, 0, 1])).toBe(0);
  });
});

describe('adam', () => {
  test('weight decay coupled and decoupled, AMSGrad, maximize, other betas', () => {
    for (const dtype of ['float32', 'float64'] as FloatName[])
      for (const [beta1, beta2] of [
        [0.9, 0.999],
        [0.3, 0.5],
      ])
        for (const decay of [0, 0.05])
          for (const decoupled of booleans)
            for (const amsgrad of booleans)
              for (const maximize of booleans) {
                bench.reset();
                const n = 37;
                const [lr, eps] = [0.01, 1e-8];
                const p = numbers(n, 1);
                const state = [new Array<number>(n).fill(0), new Array<number>(n).fill(0), new Array<number>(n).fill(0)];
                const at = bench.put(dtype, p);
                const [m, v, top] = state.map((s) => bench.put(dtype, s));
                for (let step = 1; step <= 4; step++) {
                  const grad = numbers(n, 10 + step);
                  const flags = [decoupled ? 1 : 0, maximize ? 1 : 0, step];
                  const operands = [
                    CODE[dtype],
                    n,
                    at,
                    bench.put(dtype, grad),
                    m,
                    v,
                    amsgrad ? top : 0,
                    lr,
                    beta1,
                    beta2,
                    eps,
                    decay,
                    ...flags,
                  ];
                  expect(bench.execute(20, operands)).toBe(0);
                  for (let i = 0; i < n; i++) {
                    let g = maximize ? -grad[i] : grad[i];
                    if (decoupled) p[i] *= 1 - lr * decay;
                    else g += decay * p[i];
                    state[0][i] = beta1 * state[0][i] + (1 - beta1) * g;
                    state[1][i] = beta2 * state[1][i] + (1 - beta2) * g * g;
                    state[2][i] = Math.max(state[2][i], state[1][i]);
                    const second = amsgrad ? state[2][i] : state[1][i];
                    p[i] -= (lr / (1 - beta1 ** step)) * (state[0][i] / (Math.sqrt(second) / Math.sqrt(1 - beta2 ** step) + eps));
                  }
                }
                expectClose(bench.get(dtype, at, n), p, dtype === 'float32' ? 2e-6 : 1e-13);
                expectClose(bench.get(dtype, m, n), state[0], dtype === 'float32' ? 1e-6 : 1e-14);
                expectClose(bench.get(dtype, v, n), state[1], dtype === 'float32' ? 1e-6 : 1e-14);
                if (amsgrad) expectClose(bench.get(dtype, top, n), state[2], dtype === 'float32' ? 1e-6 : 1e-14);
              }
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    const n = 100003;
    expectSameBytes(bench, pair as Bench, (on) => {
      const p = on.put('float32', numbers(n, 1));
      const zeros = new Array<number>(n).fill(0);
      on.execute(20, [
        0,
        n,
        p,
        on.put('float32', numbers(n, 2)),
        on.put('float32', zeros),
        on.put('float32', zeros),
        0,
        0.01,
        0.9,
        0.999,
        1e-8,
        0,
        0,
        0,
        1,
      ]);
      return { address: p, bytes: n * 4 };
    });
  });
});

/** The updates 21 to 23: operands behind the gradient from the state's addresses, and the formula of one element (p, g, state) → p. */
const others: {
  name: string;
  opcode: number;
  states: number;
  operands: (at: number[]) => number[];
  formula: (p: number, g: number, s: number[]) => number;
}[] = [
  {
    name: 'rmsprop',
    opcode: 21,
    states: 1,
    operands: ([v]) => [v, 0, 0, 0.01, 0.9, 1e-8, 0.1, 0, 0],
    formula: (p, grad, s) => {
      const g = grad + 0.1 * p;
      s[0] = 0.9 * s[0] + 0.1 * g * g;
      return p - (0.01 * g) / (Math.sqrt(s[0]) + 1e-8);
    },
  },
  {
    name: 'rmsprop, centered with momentum, maximize',
    opcode: 21,
    states: 3,
    operands: ([v, m, b]) => [v, m, b, 0.01, 0.3, 1e-3, 0, 0.8, 1],
    formula: (p, grad, s) => {
      const g = -grad;
      s[0] = 0.3 * s[0] + 0.7 * g * g;
      s[1] = 0.3 * s[1] + 0.7 * g;
      s[2] = 0.8 * s[2] + g / (Math.sqrt(Math.max(0, s[0] - s[1] ** 2)) + 1e-3);
      return p - 0.01 * s[2];
    },
  },
  {
    name: 'adagrad',
    opcode: 22,
    states: 1,
    operands: ([v]) => [v, 0.1, 1e-10, 0.2, 1],
    formula: (p, grad, s) => {
      const g = -grad + 0.2 * p;
      s[0] += g * g;
      return p - (0.1 * g) / (Math.sqrt(s[0]) + 1e-10);
    },
  },
  {
    name: 'adadelta',
    opcode: 23,
    states: 2,
    operands: ([v, u]) => [v, u, 0.5, 0.9, 1e-6, 0.1, 0],
    formula: (p, grad, s) => {
      const g = grad + 0.1 * p;
      s[0] = 0.9 * s[0] + 0.1 * g * g;
      const step = (Math.sqrt(s[1] + 1e-6) / Math.sqrt(s[0] + 1e-6)) * g;
      s[1] = 0.9 * s[1] + 0.1 * step * step;
      return p - 0.5 * step;
    },
  },
];

describe.each(others)('$name', ({ opcode, states, operands, formula }) => {
  test.each(['float32', 'float64'] as FloatName[])('%s: vectors and the rest behind them', (dtype) => {
    for (const n of [0, 1, 7, 64, 131]) {
      bench.reset();
      const p = numbers(n, 1);
      const state = p.map(() => new Array<number>(states).fill(0));
      const at = bench.put(dtype, p);
      const addresses = Array.from({ length: states }, () => bench.put(dtype, new Array<number>(n).fill(0)));
      for (let step = 0; step < 3; step++) {
        const grad = numbers(n, 10 + step);
        expect(bench.execute(opcode, [CODE[dtype], n, at, bench.put(dtype, grad), ...operands(addresses)])).toBe(0);
        for (let i = 0; i < n; i++) p[i] = formula(p[i], grad[i], state[i]);
      }
      expectClose(bench.get(dtype, at, n), p, dtype === 'float32' ? 1e-4 : 1e-12);
    }
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    const n = 100003;
    expectSameBytes(bench, pair as Bench, (on) => {
      const p = on.put('float32', numbers(n, 1));
      const grad = on.put('float32', numbers(n, 2));
      const addresses = Array.from({ length: states }, () => on.put('float32', new Array<number>(n).fill(0)));
      on.execute(opcode, [0, n, p, grad, ...operands(addresses)]);
      return { address: p, bytes: n * 4 };
    });
  });
});
