// Runs workloads and prints one line each.
// `npm run bench -- [--json] [--backend native|wasm] [--compiled] [--threads N] [--budget SECONDS] [names]`
//
// Every workload runs in a process of its own, so that its peak memory is its own. The time of a step is the median of many, after a
// warm-up. Between steps the collector gets a turn, as in any training loop over a data loader; that turn is not part of the step.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as ft from '../src/index.ts';
import { threadsJoined } from '../src/runtime/runtime.ts';
import { type Step, workloads } from './workloads.ts';

interface Result {
  engine: string;
  backend: string;
  threads: number;
  compiled: boolean;
  name: string;
  /** Median and smallest milliseconds of a step, and how many steps were timed. */
  ms: number;
  min: number;
  n: number;
  /** Peak of the process's resident memory: everything, JavaScript engine included. */
  residentMiB: number;
  /** Peak of the bytes that tensors held. */
  poolMiB: number;
}

const usage = `npm run bench -- [options] [names]

  --json             one JSON object a line
  --backend NAME     ${ft.deviceNames.join(', ')}; default: the best of this machine
  --compiled         steps as compile() makes them
  --threads N        default: what the device chooses
  --budget SECONDS   time spent on each workload (6)

Workloads: ${Object.keys(workloads).join(', ')}`;

const options = {
  json: { type: 'boolean', default: false },
  backend: { type: 'string' },
  compiled: { type: 'boolean', default: false },
  threads: { type: 'string' },
  budget: { type: 'string', default: '6' },
  // for the processes that measure; the first of them says on what
  child: { type: 'boolean', default: false },
  head: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(1);
}

const parse = () => parseArgs({ allowPositionals: true, options });
function parsed(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

/** Median and smallest time of many steps, in milliseconds. */
async function measure(step: Step, budgetMs: number, warm = 3, lo = 5, hi = 300): Promise<{ ms: number; min: number; n: number }> {
  for (let i = 0; i < warm; i++) {
    step();
    await ft.pressureYield();
  }
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

/** The most memory that this process ever had resident, in MiB. Linux says it itself: getrusage counts what the parent had, too. */
function peakResident(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found !== null) return Number(found[1]) / 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS / 1024;
}

async function runOne(name: string, compiled: boolean, budgetMs: number): Promise<Result> {
  ft.manualSeed(0);
  ft.resetPeakMemory();
  const step = workloads[name]({ compiled });
  // Workers start in the background: nothing is measured before they are there.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await threadsJoined();
  const { ms, min, n } = await measure(step, budgetMs);
  const round = (x: number, digits: number): number => Number(x.toFixed(digits));
  return {
    engine: 'fathom',
    backend: ft.device(),
    threads: ft.threads(),
    compiled,
    name,
    ms: round(ms, 3),
    min: round(min, 3),
    n,
    residentMiB: round(peakResident(), 1),
    poolMiB: round(ft.memory().peak / 2 ** 20, 1),
  };
}

const line = (r: Result): string =>
  `${r.name.padEnd(22)} ${r.ms.toFixed(3).padStart(10)} ms   min ${r.min.toFixed(3).padStart(10)}   n ${String(r.n).padStart(3)}` +
  `   resident ${r.residentMiB.toFixed(0).padStart(5)} MiB   tensors ${r.poolMiB.toFixed(0).padStart(5)} MiB`;

const { values, positionals } = parsed();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const wrong = positionals.filter((name) => !(name in workloads));
if (wrong.length > 0) fail(`unknown workload ${wrong.join(', ')}; known are ${Object.keys(workloads).join(', ')}`);
const budgetMs = Number(values.budget) * 1000;
if (!(budgetMs > 0)) fail(`--budget ${values.budget} is no number of seconds`);
if (values.compiled && !('compile' in ft)) fail('--compiled: this version has no compile()');
const names = positionals.length > 0 ? positionals : Object.keys(workloads);

/** Status of a child that cannot run any workload: its message has said why. */
const UNABLE = 3;

async function measureHere(): Promise<void> {
  try {
    if (values.backend !== undefined) ft.setDevice(values.backend);
    if (values.threads !== undefined) ft.setThreads(Number(values.threads));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    process.exit(UNABLE);
  }
  const result = await runOne(names[0], values.compiled, budgetMs);
  if (values.head)
    console.log(
      `${result.backend}, ${result.threads} thread${result.threads === 1 ? '' : 's'}${values.compiled ? ', compiled' : ''}; median of a step`,
    );
  console.log(values.json ? JSON.stringify(result) : line(result));
}

let status = 0;
if (values.child) await measureHere();
else {
  const given = process.argv.slice(2).filter((word) => !positionals.includes(word));
  for (const name of names) {
    const head = name === names[0] && !values.json ? ['--head'] : [];
    const args = [...process.execArgv, process.argv[1], ...given, ...head, '--child', name];
    const run = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (run.status === 0) continue;
    status = 1;
    if (run.status === UNABLE) break;
    console.error(`bench: ${name} ended with ${run.signal ?? `status ${run.status}`}`);
  }
}
process.exit(status);
