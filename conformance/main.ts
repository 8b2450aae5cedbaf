// The conformance runner: `npm run golden -- --dir DIR [--backend NAME] [--group G] [--only TEXT] [--json] [--verbose]`.
// It ends with 1 when anything differs that the adapter maps; ops that are not mapped are counted and named.

import { parseArgs } from 'node:util';
import { createAdapter } from './adapter/index.ts';
import { groupNames, readGroup } from './cases.ts';
import { CompiledExecution } from './compiled.ts';
import { ft, library } from './library.ts';
import { Report } from './report.ts';
import { runGroup, supportedDTypes } from './run-group.ts';
import { CaseFileError } from './tensors.ts';

const usage = `npm run golden -- --dir DIR [--backend NAME] [--group G[,G]] [--only TEXT] [--compiled] [--json] [--verbose] [--max N]

  --dir      folder of golden cases (or the folder above it)
  --backend  device: ${ft.deviceNames.join(', ')} (default: wasm)
  --group    only these groups, by name, separated by commas
  --compiled run every computation through compile: recorded on copies, replayed on the case's tensors
  --only     only cases whose id contains TEXT
  --json     one JSON object in place of the table
  --verbose  every failing case, not only the first
  --max      how many differences to show (default 20)`;

function main(): number {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' },
      backend: { type: 'string', default: 'wasm' },
      group: { type: 'string', multiple: true },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      compiled: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      max: { type: 'string', default: '20' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.dir === undefined) throw new CaseFileError('give --dir, the folder that holds the golden cases');
  const max = Number(values.max);
  if (!Number.isInteger(max) || max < 0) throw new CaseFileError(`--max ${values.max} is no whole number of at least 0`);
  ft.setDevice(values.backend);
  const adapter = createAdapter(library);
  const dtypes = supportedDTypes();
  const report = new Report();
  const execution = values.compiled ? new CompiledExecution() : undefined;
  const begin = performance.now();
  const names = values.group?.flatMap((g) => g.split(',')) ?? groupNames(values.dir);
  for (const name of names) {
    const group = readGroup(values.dir, name);
    runGroup(group, {
      adapter,
      report,
      only: values.only,
      dtypes,
      backend: values.backend,
      ...(execution === undefined ? {} : { execution }),
    });
  }
  if (report.totals.total === 0) throw new CaseFileError(`no case matches${values.only === undefined ? '' : ` --only ${values.only}`}`);
  const seconds = (performance.now() - begin) / 1000;
  if (values.json) console.log(JSON.stringify({ backend: ft.device(), seconds: Number(seconds.toFixed(2)), ...report.toJSON() }));
  else
    console.log(
      `${report.text(values.verbose ? Number.POSITIVE_INFINITY : max)}\n\n${execution === undefined ? '' : `${execution.text()}\n\n`}${ft.device()}, ${seconds.toFixed(1)} s`,
    );
  return report.totals.failed > 0 ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  // One line: a bad argument, an unknown device or a malformed case file.
  console.error(`golden: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
  if (
    !(error instanceof CaseFileError || error instanceof ft.FathomError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))
  )
    console.error((error as Error).stack);
  process.exitCode = 2;
}
