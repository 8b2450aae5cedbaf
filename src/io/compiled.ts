// Files of compiled functions: a safetensors file whose tensors are the memory and the instructions of the recordings, and whose metadata
// describes them. It runs without the source of the function, on any device.

import { fromRecordings, loadContents, loadPlan, type Recorded, saveRecordings } from '../compile/index.ts';
import { FormatError } from './errors.ts';
import { readFileBytes, writeFileAtomic } from './files.ts';
import { type ArrayEntry, bytesOf, decodeSafetensors, encodeSafetensors } from './safetensors-format.ts';

const FORMAT = 'fathom-compiled';
const VERSION = '1';

/** What a compiled function of unknown types is. */
// biome-ignore lint/suspicious/noExplicitAny: arguments are contravariant, so only any stands for every function
type AnyRecorded = Recorded<any, unknown>;

/**
 * The bytes of a file that holds the recordings of a compiled function, with the parameters they use as they are now. CompileError for a
 * function that was not called yet, or that trains: save the forward function, recorded inside noGrad().
 */
export function compiledToBytes(compiled: AnyRecorded): Uint8Array<ArrayBuffer> {
  const { plans, numbers, data } = saveRecordings(compiled as Recorded<never, unknown>);
  const entries: [string, ArrayEntry][] = [
    ...numbers.map((n, k): [string, ArrayEntry] => [`plan.${k}`, { dtype: 'float64', shape: [n.length], data: n }]),
    ...data.map((d, k): [string, ArrayEntry] => [`data.${k}`, { dtype: 'uint8', shape: [d.length], data: d }]),
  ];
  return encodeSafetensors(entries, { format: FORMAT, version: VERSION, plans: JSON.stringify(plans) });
}

/** Writes the recordings of a compiled function to a file, whole or not at all. See compiledToBytes. SaveError when it cannot be written. */
export async function saveCompiled(path: string, compiled: AnyRecorded): Promise<void> {
  await writeFileAtomic(path, compiledToBytes(compiled));
}

/**
 * The compiled function in the bytes of a file; `file` names it in errors. It takes and gives what was recorded, without gradients; CompileError for
 * other arguments. Everything is checked before it runs: FormatError for bytes that are not what they claim.
 */
export function compiledFromBytes(bytes: Uint8Array, file = 'compiled function'): Recorded<unknown[], unknown> {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: ${what}; save the compiled function again`);
  };
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  if (metadata.format !== FORMAT) return fail('is no file of a compiled function');
  if (metadata.version !== VERSION) return fail(`has version ${metadata.version} where ${VERSION} was expected`);
  let plans: unknown;
  try {
    plans = JSON.parse(metadata.plans ?? '');
  } catch {
    return fail('its description is no JSON');
  }
  if (!Array.isArray(plans) || plans.length === 0 || plans.length > 1000) return fail('its description is no list of recordings');
  const data: Uint8Array[] = [];
  for (let k = 0; tensors.has(`data.${k}`); k++) {
    const e = tensors.get(`data.${k}`) as ArrayEntry;
    if (e.dtype !== 'uint8') return fail(`data.${k} is ${e.dtype}`);
    data.push(bytesOf(e.data));
  }
  const contents = loadContents(data);
  const traces = plans.map((plan: unknown, k) => {
    const numbers = tensors.get(`plan.${k}`);
    if (numbers === undefined || numbers.dtype !== 'float64') return fail(`plan.${k} is missing`);
    return loadPlan(plan, numbers.data as Float64Array, contents, fail);
  });
  return fromRecordings(traces, file);
}

/** Reads a compiled function from a file. See compiledFromBytes. LoadError when the file cannot be read. */
export async function loadCompiled(path: string): Promise<Recorded<unknown[], unknown>> {
  return compiledFromBytes(await readFileBytes(path), path);
}
