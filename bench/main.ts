// Runs workloads and prints one line each. `npm run bench -- [--json] [--backend wasm] [--threads N] [names]`
//
// The time of a step is the median of many, after a warm-up. Between steps the collector gets a turn, as in any training loop
// over a data loader; that turn is not part of the step.

import { parseArgs } from 'node:util';
import * as ft from '../src/index.ts';
import { type Step, workloads } from './workloads.ts';

interface Result {
  engine: string;
  backend: string;
  threads: number;
  name: string;
  ms: number;
  min: number;
  n: number;
  peakMiB: number;
}

async function measure(step: Step, budgetMs = 6000, warm = 3, lo = 5, hi = 300): Promise<{ ms: number; min: number; n: number }> {
  for (let i = 0; i < warm; i++) step();
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < lo || (performance.now() - begin < budgetMs && times.length < hi)) {
    const t = performance.now();
    step();
    times.push(performance.now() - t);
    await ft.pressureYield();
  }
  times.sort((a, b) => a - b);
  return { ms: times[times.length >> 1], min: times[0], n: times.length };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'wasm' },
    threads: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const known = Object.keys(workloads);
if (values.help) {
  console.log(`npm run bench -- [--json] [--backend wasm] [--threads N] [names]\n\nWorkloads: ${known.join(', ')}`);
  process.exit(0);
}
const wrong = positionals.filter((n) => !known.includes(n));
if (wrong.length > 0) {
  console.error(`bench: unknown workload ${wrong.join(', ')}; known are ${known.join(', ')}`);
  process.exit(1);
}
try {
  ft.setDevice(values.backend);
  if (values.threads !== undefined) ft.setThreads(Number(values.threads));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

for (const name of positionals.length > 0 ? positionals : known) {
  ft.manualSeed(0);
  ft.resetPeakMemory();
  const step = workloads[name]();
  // Workers start in the background: let them come up before anything is measured.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { ms, min, n } = await measure(step);
  const result: Result = {
    engine: 'fathom',
    backend: ft.device(),
    threads: ft.threads(),
    name,
    ms: Number(ms.toFixed(3)),
    min: Number(min.toFixed(3)),
    n,
    peakMiB: Number((ft.memory().peak / 2 ** 20).toFixed(1)),
  };
  console.log(
    values.json
      ? JSON.stringify(result)
      : `${name.padEnd(20)} ${result.ms.toFixed(3).padStart(10)} ms  min ${result.min.toFixed(3).padStart(10)}  n ${n}  peak ${result.peakMiB} MiB`,
  );
}
process.exit(0);
