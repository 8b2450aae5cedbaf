// Runs workloads in turn with PyTorch's and prints medians, ratios and which bars of bars.json hold.
// `npm run bench:torch -- [options] [names]`; --help tells the options.
//
// PyTorch is not needed to build, test or use this library. Where there is none, the figures of another machine stand in, and are named so.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as ft from '../src/index.ts';
import {
  bars,
  type Comparison,
  type Measurement,
  markdown,
  merged,
  ofRounds,
  type Row,
  terminalTable,
  type Variant,
  variantNames,
  withBlock,
  workloadNames,
} from './versus-table.ts';

// The bundle lies in .cache/run, two folders below the root.
const root = fileURLToPath(new URL('../../', import.meta.url));

const usage = `npm run bench:torch -- [options] [names]

  --python EXE       Python with PyTorch (FATHOM_PYTHON, else python3)
  --definition FILE  torch_bench.py, which defines PyTorch's workloads (FATHOM_BENCH)
  --variants LIST    of ${variantNames.join(', ')}; default: those that run here
  --threads N        of both sides (2)
  --rounds N         how often the sides take turns (3)
  --budget SECONDS   time for one workload of one side in one round (3)
  --json FILE        write what was measured
  --from FILE        show measured files in place of measuring; may be given several times
  --write            put the tables into docs/performance.md

Workloads: ${workloadNames.join(', ')}`;

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(1);
}

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      python: { type: 'string', default: process.env['FATHOM_PYTHON'] ?? 'python3' },
      definition: { type: 'string', default: process.env['FATHOM_BENCH'] },
      variants: { type: 'string' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
      budget: { type: 'string', default: '3' },
      json: { type: 'string' },
      from: { type: 'string', multiple: true },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
function parsed(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}
const { values, positionals } = parsed();

function wholeNumber(name: 'threads' | 'rounds'): number {
  const n = Number(values[name]);
  if (!Number.isInteger(n) || n < 1) fail(`--${name} ${values[name]} is no whole number from 1 on`);
  return n;
}

/** Measures one workload of the definition with its own clock, in a shorter time, and tells the process's peak. */
const torchProgram = `
import json, runpy, sys, warnings
warnings.filterwarnings('ignore')
import torch
path, threads, budget, name = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
module = runpy.run_path(path, run_name='bench')
ms, least, n = module['timeit'](module['C'][name](), budget=budget)
try:
    peak = next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM'))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 1024)
print(json.dumps(dict(ms=ms, min=least, n=n, residentMiB=peak)))
`;

interface Ended {
  ok: boolean;
  out: string;
  why: string;
}

function runProgram(command: string, args: readonly string[], env: Record<string, string> = {}): Ended {
  const run = spawnSync(command, args, { encoding: 'utf8', cwd: root, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 });
  const said = `${run.error?.message ?? ''}${run.stderr ?? ''}`.trim().split('\n').at(-1) ?? '';
  return { ok: run.status === 0, out: run.stdout ?? '', why: said === '' ? `status ${run.status ?? run.signal}` : said };
}

function lastJson(who: string, name: string, run: Ended): Measurement {
  if (!run.ok) fail(`${who} could not run ${name}: ${run.why}`);
  return JSON.parse(run.out.trim().split('\n').at(-1) ?? '') as Measurement;
}

/** The version of PyTorch that takes part, or why none does. */
function findTorch(): { version: string } | { why: string } {
  const found = runProgram(values.python, ['-W', 'ignore', '-c', 'import torch; print(torch.__version__)']);
  if (!found.ok) return { why: `${values.python} has no PyTorch (${found.why})` };
  if (values.definition === undefined) return { why: 'no --definition FILE (nor FATHOM_BENCH) says what PyTorch should run' };
  return { version: found.out.trim() };
}

function variantsHere(): Variant[] {
  const asked = values.variants?.split(',');
  const unknown = asked?.filter((v) => !(v in bars.variants)) ?? [];
  if (unknown.length > 0) fail(`--variants ${unknown.join(',')}: known are ${variantNames.join(', ')}`);
  const runs = (v: Variant): boolean => {
    if (bars.variants[v].compiled && !('compile' in ft)) return false;
    // a process has one device, so another process tries
    const args = ['scripts/run-ts.mjs', 'bench/main.ts', '--json', '--backend', bars.variants[v].backend, '--budget', '0.01', 'linreg'];
    return runProgram(process.execPath, args).ok;
  };
  return (asked as Variant[] | undefined) ?? variantNames.filter(runs);
}

function measure(): Comparison {
  const [threads, rounds] = [wholeNumber('threads'), wholeNumber('rounds')];
  const names = positionals.length > 0 ? positionals : workloadNames;
  const variants = variantsHere();
  const torch = findTorch();
  const elsewhere = bars.elsewhere;
  if ('why' in torch) console.error(`bench: ${torch.why}; compared with PyTorch ${elsewhere.version} on ${elsewhere.machine}`);

  const ours = (name: string, v: Variant): Measurement => {
    const { backend, compiled } = bars.variants[v];
    const args = [
      '--json',
      '--backend',
      backend,
      '--threads',
      String(threads),
      '--budget',
      values.budget,
      ...(compiled ? ['--compiled'] : []),
    ];
    return lastJson('Fathom', name, runProgram(process.execPath, ['scripts/run-ts.mjs', 'bench/main.ts', ...args, name]));
  };
  const theirs = (name: string): Measurement => {
    if ('why' in torch) {
      const ms = (elsewhere.ms as Record<string, number>)[name];
      return { ms, min: ms };
    }
    const args = ['-W', 'ignore', '-c', torchProgram, values.definition as string, String(threads), values.budget, name];
    return lastJson('PyTorch', name, runProgram(values.python, args, { OMP_NUM_THREADS: String(threads) }));
  };

  const rows: Row[] = [];
  for (const name of names) {
    const torchRounds: Measurement[] = [];
    const ourRounds = new Map<Variant, Measurement[]>(variants.map((v) => [v, []]));
    for (let round = 0; round < rounds; round++) {
      // who begins changes, so that a machine that slows down favours nobody
      if (round % 2 === 1) torchRounds.push(theirs(name));
      for (const [v, list] of ourRounds) list.push(ours(name, v));
      if (round % 2 === 0) torchRounds.push(theirs(name));
    }
    const row: Row = { name, torch: ofRounds(torchRounds), ours: {} };
    for (const [v, list] of ourRounds) row.ours[v] = ofRounds(list);
    rows.push(row);
    console.error(progressLine(row));
  }
  const cpu = cpus()[0]?.model.trim() ?? 'unknown processor';
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpu}, ${availableParallelism()} cores`,
    node: process.versions.node,
    torch: 'why' in torch ? elsewhere.version : torch.version,
    ...('why' in torch ? { elsewhere: elsewhere.machine } : {}),
    threads,
    rounds,
    rows,
  };
}

/** What just came out, while the rest is still running. */
const progressLine = (row: Row): string =>
  `${row.name.padEnd(22)} PyTorch ${row.torch.ms.toFixed(3)} ms; ${Object.entries(row.ours)
    .map(([v, m]) => `${v} ${m.ms.toFixed(3)} ms, ratio ${(m.ms / row.torch.ms).toFixed(2)}`)
    .join('; ')}`;

if (values.help) {
  console.log(usage);
  process.exit(0);
}
const wrong = positionals.filter((name) => !workloadNames.includes(name));
if (wrong.length > 0) fail(`unknown workload ${wrong.join(', ')}; known are ${workloadNames.join(', ')}`);
if (!(Number(values.budget) > 0)) fail(`--budget ${values.budget} is no number of seconds`);

function saved(file: string): Comparison {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Comparison;
  } catch (error) {
    return fail(`--from ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
const comparison = values.from === undefined ? measure() : merged(values.from.map(saved));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparison, null, 1)}\n`);
console.log(terminalTable(comparison).join('\n'));
if (values.write) {
  const page = join(root, 'docs', 'performance.md');
  writeFileSync(page, withBlock(readFileSync(page, 'utf8'), markdown(comparison)));
}
process.exit(0);
