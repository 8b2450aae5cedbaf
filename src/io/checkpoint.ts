// Checkpoints: everything that a training run needs to go on bit by bit, in one file that PyTorch can read too. A file is written beside the
// old one and renamed, the one before is kept as `<path>.previous`, and loading falls back to it when the newer one is damaged.

import { ValueError } from '../runtime/errors.ts';
import { defaultGenerator, type Generator } from '../runtime/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { FormatError, LoadError, SaveError } from './errors.ts';
import { readFileBytes, removeStaleTemporaries, writeFileAtomic } from './files.ts';
import { nodeModule } from './node-modules.ts';
import { decodeTorch, type TorchValue } from './torch-read.ts';
import { encodeTorch, type TorchSavable } from './torch-write.ts';
import { openZip } from './zip.ts';

/** What has a state to save: modules, optimizers, schedulers. */
export interface Stateful {
  stateDict(): object;
  // each class takes the form of state that its own stateDict gives
  loadStateDict(state: never): unknown;
}

/** The parts of a run that a checkpoint can hold. Pass the same to save and to load. */
export interface CheckpointParts {
  model?: Stateful;
  optimizer?: Stateful;
  scheduler?: Stateful;
  /** Generators beside the default one, which is always saved, by names of your choice. */
  generators?: Readonly<Record<string, Generator>>;
}

/** What {@link saveCheckpoint} takes. */
export interface CheckpointContents extends CheckpointParts {
  /** Epochs done. Default 0. */
  epoch?: number;
  /** Steps done. Default 0. */
  step?: number;
  /** Tensors, numbers, texts, lists and dictionaries of your own. */
  user?: TorchSavable;
}

/** What {@link loadCheckpoint} gives. */
export interface LoadedCheckpoint {
  epoch: number;
  step: number;
  /** What was saved as `user`: dictionaries are plain objects. */
  user: unknown;
  /** The file that was read: `path`, or the one before it. */
  path: string;
  /** Why `path` itself could not be used, when the one before it was read. */
  fallback: string | undefined;
}

const formatVersion = 1;

/** The file that holds the checkpoint before the one at `path`. */
export const previousCheckpoint = (path: string): string => `${path}.previous`;

// Saves to one path follow one another, so that the last call wins.
const queues = new Map<string, Promise<void>>();
// Files that this process wrote or read whole, by path: size and time of change.
const known = new Map<string, string>();

/**
 * Writes a checkpoint. All values are copied before it returns its promise, so training may go on meanwhile. Whenever the process dies, a
 * valid checkpoint stays: the new one, or the old one. Throws a ValueError for what cannot be saved, a SaveError when the file cannot be written.
 */
export async function saveCheckpoint(path: string, contents: CheckpointContents): Promise<void> {
  const { model, optimizer, scheduler, generators = {}, epoch = 0, step = 0, user = null } = contents;
  if ('default' in generators)
    throw new ValueError("saveCheckpoint: the name 'default' belongs to the default generator; choose another one");
  const value: TorchSavable = {
    fathom_checkpoint: formatVersion,
    epoch,
    step,
    generators: Object.fromEntries(Object.entries({ default: defaultGenerator, ...generators }).map(([name, g]) => [name, g.state()])),
    user,
    ...stateOf({ model, optimizer, scheduler }),
  };
  const bytes = encodeTorch(value);
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => write(path, bytes));
  queues.set(path, mine);
  try {
    await mine;
  } finally {
    if (queues.get(path) === mine) queues.delete(path);
  }
}

/** States by name; the optimizer's numbers of parameters stay numbers, as PyTorch has them. */
function stateOf(parts: Record<string, Stateful | undefined>): Record<string, TorchSavable> {
  const out: Record<string, TorchSavable> = {};
  for (const [name, part] of Object.entries(parts)) {
    if (part === undefined) continue;
    const state = part.stateDict() as Record<string, TorchSavable>;
    const numbered = name === 'optimizer' ? state['state'] : undefined;
    out[name] =
      typeof numbered === 'object' && numbered !== null && !(numbered instanceof Tensor)
        ? { ...state, state: new Map(Object.entries(numbered).map(([n, s]) => [/^\d+$/.test(n) ? Number(n) : n, s])) }
        : state;
  }
  return out;
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const paths = await nodeModule('node:path', `writing ${path}`);
  await removeStaleTemporaries(paths.dirname(path));
  await keepPrevious(path);
  await writeFileAtomic(path, bytes);
  known.set(path, await stampOf(path));
}

async function stampOf(path: string): Promise<string> {
  const fs = await nodeModule('node:fs/promises', `reading ${path}`);
  const stat = await fs.stat(path).catch(() => undefined);
  return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

/** Gives a valid checkpoint its second name. `path` is there all the while. */
async function keepPrevious(path: string): Promise<void> {
  const fs = await nodeModule('node:fs/promises', `writing ${path}`);
  const stamp = await stampOf(path);
  if (stamp === 'none') return;
  // A damaged file must not take the place of a good one.
  if (known.get(path) !== stamp && !(await isWhole(path))) return;
  const previous = previousCheckpoint(path);
  try {
    await fs.rm(previous, { force: true });
    await fs.link(path, previous).catch(() => fs.copyFile(path, previous));
  } catch (error) {
    throw new SaveError(`could not keep the checkpoint before ${path}: ${error instanceof Error ? error.message : String(error)}`, path, {
      cause: error,
    });
  }
}

/** Whether all entries of the archive have the contents that its directory says. */
async function isWhole(path: string): Promise<boolean> {
  try {
    const archive = openZip(await readFileBytes(path), path);
    for (const entry of archive.entries) archive.read(entry);
    return true;
  } catch {
    return false;
  }
}

/**
 * Restores the parts from a checkpoint, and the default generator. When the file is missing or damaged the one before it is read, and
 * `fallback` says why. Throws a LoadError when there is none, a FormatError when both are damaged or a part was not saved; what a part
 * refuses (other shapes, other groups) is its own error.
 */
export async function loadCheckpoint(path: string, parts: CheckpointParts = {}): Promise<LoadedCheckpoint> {
  const { value, from, fallback } = await readNewest(path);
  const need = (key: string): unknown => {
    if (!value.has(key)) throw new FormatError(`${from}: the checkpoint holds no ${key}; it has ${[...value.keys()].join(', ')}`);
    return plain(value.get(key) as TorchValue);
  };
  const { model, optimizer, scheduler, generators = {} } = parts;
  const states = need('generators') as Record<string, { seed: number; offset: number }>;
  const all = Object.entries({ default: defaultGenerator, ...generators });
  for (const [name] of all)
    if (!(name in states))
      throw new FormatError(`${from}: the checkpoint holds no generator '${name}'; it has ${Object.keys(states).join(', ')}`);
  const found = [
    [model, model && need('model')],
    [optimizer, optimizer && need('optimizer')],
    [scheduler, scheduler && need('scheduler')],
  ] as const;
  for (const [part, state] of found) part?.loadStateDict(state as never);
  for (const [name, generator] of all) generator.setState(states[name]);
  return { epoch: need('epoch') as number, step: need('step') as number, user: need('user'), path: from, fallback };
}

type Contents = Map<unknown, TorchValue>;

async function readNewest(path: string): Promise<{ value: Contents; from: string; fallback: string | undefined }> {
  try {
    const value = await readOne(path);
    known.set(path, await stampOf(path));
    return { value, from: path, fallback: undefined };
  } catch (error) {
    if (!(error instanceof FormatError || (error instanceof LoadError && error.missing))) throw error;
    const previous = previousCheckpoint(path);
    const value = await readOne(previous).catch(() => undefined);
    if (value === undefined) throw error;
    return { value, from: previous, fallback: error.message };
  }
}

async function readOne(path: string): Promise<Contents> {
  const value = decodeTorch(await readFileBytes(path), path);
  if (!(value instanceof Map) || value.get('fathom_checkpoint') !== formatVersion)
    throw new FormatError(`${path}: not a checkpoint of this version; read it with loadTorch, or pass the file that saveCheckpoint wrote`);
  return value as Contents;
}

/** Dictionaries as plain objects, all the way down. The values come from a file of our own form: nesting is shallow, and shared parts stay shared. */
function plain(value: TorchValue, seen = new Map<unknown, unknown>()): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Tensor || value instanceof Uint8Array || value instanceof Set)
    return value;
  if (seen.has(value)) return seen.get(value);
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    seen.set(value, list);
    for (const v of value) list.push(plain(v, seen));
    return list;
  }
  const object: Record<string, unknown> = {};
  seen.set(value, object);
  for (const [key, v] of value)
    Object.defineProperty(object, String(key), { value: plain(v, seen), enumerable: true, writable: true, configurable: true });
  return object;
}
