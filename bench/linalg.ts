// Speed of the factorisations: node scripts/run-ts.mjs bench/linalg.ts
// Best of several runs, in milliseconds and GFLOP/s (n³/3 for Cholesky, 2n³/3 for LU, n² m for triangular solves).

import * as ft from '../src/index.ts';

function best(run: () => void, seconds = 1): number {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) run();
  for (const start = performance.now(); performance.now() - start < seconds * 1000 || times.length < 5; ) {
    const t = performance.now();
    run();
    times.push(performance.now() - t);
  }
  return Math.min(...times);
}

function report(name: string, flops: number, run: () => void): void {
  const ms = best(() => ft.scope(run));
  console.log(`${name.padEnd(40)} ${ms.toFixed(2).padStart(9)} ms ${(flops / ms / 1e6).toFixed(2).padStart(8)} GFLOP/s`);
}

ft.manualSeed(0);
const given = Number(process.argv[2] ?? 0);
if (given > 0) ft.setThreads(given);
ft.zeros([1]);
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(`${ft.threads()} thread(s)`);
for (const dtype of ['float64', 'float32'] as const)
  for (const n of [128, 512, 1000]) {
    const x = ft.randn([n, n], { dtype });
    const A = x.matmul(x.mT).div(n).add(ft.eye(n, { dtype }));
    const L = ft.linalg.cholesky(A);
    const B = ft.randn([n, n], { dtype });
    const b = ft.randn([n, 1], { dtype });
    report(`cholesky ${dtype} n=${n}`, n ** 3 / 3, () => ft.linalg.cholesky(A));
    report(`solveTriangular ${dtype} n=${n} m=${n}`, n ** 3, () => ft.linalg.solveTriangular(L, B, { upper: false }));
    report(`solveTriangular ${dtype} n=${n} m=1`, n ** 2, () => ft.linalg.solveTriangular(L, b, { upper: false }));
    report(`luFactor ${dtype} n=${n}`, (2 / 3) * n ** 3, () => ft.linalg.luFactor(B));
    report(`matmul ${dtype} n=${n}`, 2 * n ** 3, () => ft.matmul(A, B));
  }
{
  const x = ft.randn([1000, 16, 16]);
  const A = x.matmul(x.mT).add(ft.eye(16));
  report('cholesky float32 1000 x 16', (1000 * 16 ** 3) / 3, () => ft.linalg.cholesky(A));
}
process.exit(0);
