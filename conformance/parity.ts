// Writes docs/parity.md: PyTorch's names beside ours, made from the adapter's table (the one place that knows both) and parity-book.ts.
//
// node scripts/run-ts.mjs conformance/parity.ts [--check]   --check writes nothing and ends with 1 when the page is not up to date

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { creationRows } from './adapter/creation.ts';
import { constructors, members } from './adapter/distributions.ts';
import { elementwiseRows } from './adapter/elementwise.ts';
import { functionalRows, lossRows } from './adapter/functional.ts';
import { indexingRows } from './adapter/indexing.ts';
import { linalgRows } from './adapter/linalg.ts';
import { moduleRows } from './adapter/modules.ts';
import { schedulerArguments } from './adapter/optim.ts';
import { reductionRows } from './adapter/reductions.ts';
import { camelCase, type Library, lookUp, type ParsedRow, parseRow, type Rows } from './adapter/row.ts';
import { specialRows } from './adapter/special.ts';
import { visionRows } from './adapter/vision.ts';
import { library } from './library.ts';
import { bookNames, forms } from './parity-book.ts';

// Classes that the adapter calls without a row: every keyword is an option of the same name in camelCase.
const optimizers = 'ASGD Adadelta Adagrad Adam AdamW Adamax LBFGS NAdam RAdam RMSprop Rprop SGD'.split(' ');
const schedules =
  'ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LambdaLR LinearLR MultiStepLR MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR'.split(
    ' ',
  );
const scheduleRow = (name: string): string => {
  const own = schedulerArguments[name] ?? [];
  // a chain takes the optimizer of its members
  return `optim.lrScheduler.${name}: ${[...(name === 'ChainedScheduler' ? [] : ['optimizer']), ...own].join(', ')}, options`;
};

const groups: readonly (readonly [title: string, rows: Rows, prefix?: string])[] = [
  ['Creation and dtypes', creationRows],
  ['Elementwise', elementwiseRows],
  ['Reductions, sorting, statistics', reductionRows],
  ['Views, indexing, joining', indexingRows],
  ['Linear algebra', linalgRows],
  ['Special functions', specialRows],
  ['nn.functional', functionalRows],
  ['Losses', lossRows],
  ['Modules', moduleRows, 'new '],
  ['Optimizers', Object.fromEntries(optimizers.map((name) => [`optim.${name}`, 'params, options'])), 'new '],
  ['Learning-rate schedules', Object.fromEntries(schedules.map((name) => [`optim.lr_scheduler.${name}`, scheduleRow(name)])), 'new '],
  [
    'Distributions',
    Object.fromEntries(Object.entries(constructors).map(([name, params]) => [`distributions.${name}`, `${params}, validate_args?`])),
    'new ',
  ],
  ['Vision', visionRows],
];

/** How a call is written here: positional arguments, then one object of options. */
function callText({ target, params }: ParsedRow, prefix: string): string {
  const name = target.split('|')[0];
  const method = name.startsWith('Tensor.');
  const list = params.filter((p) => p.place !== 'ignored');
  const positional = list.filter((p) => p.place !== 'option').map((p) => (p.place === 'rest' ? `...${p.name}` : camelCase(p.name)));
  const options = list.filter((p) => p.place === 'option').map((p) => camelCase(p.name));
  const args = [...(method ? positional.slice(1) : positional), ...(options.length > 0 ? [`{ ${options.join(', ')} }`] : [])];
  return `${prefix}${method ? `x.${name.slice(7)}` : name}(${args.join(', ')})`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

interface Line {
  readonly python: string;
  readonly ours: string;
  readonly note: string;
}

function lineOf(python: string, row: Rows[string], lib: Library, prefix: string): Line {
  if (typeof row === 'string') {
    const parsed = parseRow(python, row);
    const there = lookUp(lib, parsed.target) !== null;
    const ignored = parsed.params.filter((p) => p.place === 'ignored').map((p) => p.name);
    const notes = [forms[python]?.[1], ignored.length > 0 ? `without ${ignored.join(', ')}` : undefined].filter((n) => n !== undefined);
    return { python, ours: there ? callText(parsed, prefix) : '', note: there ? notes.join('; ') : 'missing' };
  }
  const missing = row.needs.some((path) => path !== 'Tensor' && lookUp(lib, path) === null);
  const [form, note] = forms[python] ?? [row.needs[0].split('|')[0]];
  return { python, ours: missing ? '' : form, note: missing ? 'missing' : (note ?? '') };
}

/** The whole page. */
export function parityPage(lib: Library = library): string {
  const out = [
    '# From PyTorch to Fathom, name by name',
    '',
    'Made by `npm run docs` from the table that the conformance runner calls; a test holds it up to date. Required arguments stand in PyTorch’s order,',
    'arguments with a default in one options object, names in camelCase. A function of a tensor is a method of it too where PyTorch has both.',
    '',
  ];
  const totals: string[] = [];
  const body: string[] = [];
  for (const [title, rows, prefix = ''] of groups) {
    const lines = Object.entries(rows)
      .map(([python, row]) => lineOf(python, row, lib, prefix))
      .sort((a, b) => (a.python < b.python ? -1 : 1));
    const there = lines.filter((l) => l.note !== 'missing').length;
    totals.push(`| ${title} | ${there} | ${lines.length} |`);
    body.push(`## ${title}`, '', '| PyTorch | Fathom | difference |', '| --- | --- | --- |');
    for (const l of lines) body.push(`| \`${cell(l.python)}\` | ${l.ours === '' ? '' : `\`${cell(l.ours)}\``} | ${cell(l.note)} |`);
    body.push('');
  }
  body.push(
    `Distributions have the methods and properties ${members.map((m) => `\`${camelCase(m)}\``).join(', ')} where the distribution has them, \`sample\` and \`rsample\`;`,
    '`distributions.klDivergence(p, q)` is the divergence.',
    '',
  );
  body.push('## The rest of what the book uses', '', '| PyTorch | Fathom | difference |', '| --- | --- | --- |');
  for (const [python, form, , note = ''] of bookNames) body.push(`| \`${cell(python)}\` | ${cell(form)} | ${cell(note)} |`);
  out.push('| subject | there | names |', '| --- | --- | --- |', ...totals, '', ...body);
  return `${out.join('\n').trim()}\n`;
}

if (process.argv[1]?.includes('parity')) {
  const path = 'docs/parity.md';
  const text = parityPage();
  const fresh = existsSync(path) && readFileSync(path, 'utf8') === text;
  if (process.argv.includes('--check')) {
    if (!fresh) console.error(`${path} is not up to date; run npm run docs`);
    process.exitCode = fresh ? 0 : 1;
  } else if (!fresh) {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
    console.log(`${path}: written`);
  }
}
