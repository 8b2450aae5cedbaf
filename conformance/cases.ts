// The case files: what a case looks like, and reading a folder of them with every claim checked.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CaseFileError, type HostArray, readTensors } from './tensors.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A function of a program: instructions [target, op, ...arguments] over named values. */
export interface FunctionSpec {
  readonly params: readonly string[];
  readonly program: readonly (readonly Json[])[];
  readonly returns: readonly (string | null)[];
  readonly save?: readonly string[];
}

/** One case. Which fields are there depends on `kind`; README.md beside the cases describes them. */
export interface Case {
  readonly id: string;
  readonly op: string;
  readonly kind?: 'module' | 'optimizer' | 'clip' | 'scheduler' | 'program' | 'transform' | 'network';
  readonly args?: readonly Json[];
  readonly kwargs?: JsonObject;
  readonly out?: readonly Json[];
  readonly cot?: readonly Json[];
  readonly grads?: JsonObject | null;
  readonly grad2?: JsonObject;
  readonly after?: JsonObject;
  readonly compare?: 'abs' | 'set' | 'shape';
  readonly int_atol?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly note?: string;
  readonly error?: string;
  // module, network
  readonly init?: { readonly args?: readonly Json[]; readonly kwargs?: JsonObject };
  readonly state?: JsonObject;
  readonly state_after?: JsonObject;
  readonly train?: boolean;
  readonly config?: JsonObject;
  // optimizer, clip, scheduler
  readonly groups?: readonly JsonObject[];
  readonly grad_seq?: readonly Json[];
  readonly steps?: number;
  readonly function?: string;
  readonly param_grads?: readonly Json[];
  readonly lrs?: readonly number[];
  readonly epochs?: number;
  readonly metrics?: readonly Json[];
  readonly optimizer?: { readonly op: string; readonly kwargs: JsonObject };
  readonly track_momentum?: boolean;
  // program, transform
  readonly inputs?: JsonObject;
  readonly requires_grad?: readonly string[];
  readonly program?: readonly (readonly Json[])[];
  readonly backward?: string;
  readonly expect?: JsonObject;
  readonly functions?: Readonly<Record<string, FunctionSpec>>;
  readonly custom?: Readonly<Record<string, { readonly forward: FunctionSpec; readonly backward: FunctionSpec }>>;
  readonly fn?: FunctionSpec;
  readonly v?: readonly Json[];
}

export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly tensors: ReadonlyMap<string, HostArray>;
}

/** The folder that holds the cases: DIR itself or DIR/cases. */
function casesFolder(dir: string): string {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new CaseFileError(`${dir}: is no folder; give --dir the folder that holds the golden cases`);
  const inner = join(dir, 'cases');
  return existsSync(inner) && statSync(inner).isDirectory() ? inner : dir;
}

/** Names of the groups in a folder, in the order of index.json where there is one. */
export function groupNames(dir: string): string[] {
  const found = readdirSync(casesFolder(dir))
    .filter((f) => f.endsWith('.json') && f !== 'index.json')
    .map((f) => f.slice(0, -5));
  if (found.length === 0) throw new CaseFileError(`${dir}: holds no group (NAME.json with NAME.safetensors)`);
  const order = ['creation', 'promotion', 'elementwise', 'reductions', 'indexing', 'linalg', 'functional', 'losses', 'modules', 'optim'];
  order.push('lr_schedulers', 'distributions', 'special', 'vision', 'autograd', 'networks', 'errors');
  const rank = (n: string): number => (order.includes(n) ? order.indexOf(n) : order.length);
  return found.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

const kinds = ['module', 'optimizer', 'clip', 'scheduler', 'program', 'transform', 'network'];
const lists = ['args', 'out', 'cot', 'groups', 'grad_seq', 'param_grads', 'lrs', 'requires_grad', 'program', 'v'] as const;
const objects = [
  'kwargs',
  'grads',
  'grad2',
  'after',
  'init',
  'state',
  'state_after',
  'inputs',
  'expect',
  'functions',
  'custom',
  'fn',
] as const;

function checkCase(file: string, i: number, c: unknown): Case {
  const fail = (what: string): never => {
    throw new CaseFileError(
      `${file}: case ${i}${typeof (c as { id?: unknown } | null)?.id === 'string' ? ` (${JSON.stringify((c as Case).id).slice(0, 80)})` : ''}: ${what}`,
    );
  };
  if (typeof c !== 'object' || c === null || Array.isArray(c)) return fail('is no object');
  const r = c as Record<string, unknown>;
  // an id is printed: no line breaks, no control characters of a terminal
  if (typeof r.id !== 'string' || !/^[\x20-\x7e]{1,200}$/.test(r.id)) return fail("needs an 'id' of printable characters");
  if (typeof r.op !== 'string') return fail("has no 'op'");
  if (r.kind !== undefined && !kinds.includes(r.kind as string))
    return fail(`has the unknown kind '${String(r.kind)}'; known are ${kinds.join(', ')}`);
  for (const k of lists) if (r[k] !== undefined && !Array.isArray(r[k])) return fail(`'${k}' is no list`);
  for (const k of objects)
    if (r[k] !== undefined && r[k] !== null && (typeof r[k] !== 'object' || Array.isArray(r[k]))) return fail(`'${k}' is no object`);
  for (const k of ['rtol', 'atol', 'int_atol', 'steps', 'epochs'])
    if (r[k] !== undefined && !(typeof r[k] === 'number' && (r[k] as number) >= 0)) return fail(`'${k}' is no number of at least 0`);
  for (const k of ['steps', 'epochs'])
    if (((r[k] as number | undefined) ?? 0) > 1e5) return fail(`'${k}' is ${String(r[k])}; at most 100000 are run`);
  if (r.error === undefined && r.out === undefined && r.expect === undefined) return fail("has neither 'out' nor 'expect' nor 'error'");
  return c as Case;
}

/** Reads one group. CaseFileError, in one line, for malformed files. */
export function readGroup(dir: string, name: string): Group {
  const folder = casesFolder(dir);
  const file = join(folder, `${name}.json`);
  if (/[\\/]/.test(name) || !existsSync(file))
    throw new CaseFileError(`there is no group '${name}'; there are ${groupNames(dir).join(', ')}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CaseFileError(`${file}: is no JSON (${(error as Error).message.split('\n')[0]})`);
  }
  if (!Array.isArray(parsed)) throw new CaseFileError(`${file}: is no list of cases`);
  return { name, cases: parsed.map((c, i) => checkCase(file, i, c)), tensors: readTensors(join(folder, `${name}.safetensors`)) };
}
