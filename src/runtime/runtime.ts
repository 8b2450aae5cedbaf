// The device in use: its machine, its pool of memory and the buffer that instructions are written into.

import { platform } from '#platform';
import { createNativeMachine } from '../backends/native/machine.ts';
import { createWasmMachine } from '../backends/wasm/machine.ts';
import { debugLevel, startDebug } from './debug.ts';
import { DeviceError, FathomError, IndexError, ValueError } from './errors.ts';
import type { Machine } from './machine.ts';
import { Pool, type Storage } from './pool.ts';
import { recording } from './recording.ts';

const WORDS = 65536; // room for the instructions of one execute call

/** Names that `setDevice` and FATHOM_DEVICE take. 'cpu' is the best device that needs no GPU: native where its add-on is there, else wasm. */
export const deviceNames = ['native', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceNames)[number];

export let machine: Machine;
export let pool: Pool;
/** The instruction buffer. Write an instruction from word 0 on, then call `run`. Allocate outputs before writing. */
export let I: Float64Array;
let instructionAddress = 0;
let instructionStorage: Storage;

function refresh(): void {
  I = new Float64Array(machine.buffer(), instructionAddress, WORDS);
}

function checkDevice(name: string, from: string): DeviceName {
  if ((deviceNames as readonly string[]).includes(name)) return name as DeviceName;
  throw new DeviceError(`${from}: unknown device '${name}'; this build knows ${deviceNames.join(', ')}`);
}

/** Threads to start with: what FATHOM_THREADS says, undefined where it says nothing. */
function wantedThreads(): { threads?: number } {
  const setting = platform.env('FATHOM_THREADS');
  const threads = Number(setting ?? 0);
  if (!Number.isInteger(threads) || threads < 0) {
    throw new ValueError(`FATHOM_THREADS: '${setting}' is not a number of threads; use a whole number from 1 on`);
  }
  return threads > 0 ? { threads } : {};
}

let reason = '';
function createMachine(name: DeviceName): Machine {
  const options = wantedThreads();
  if (name !== 'wasm') {
    try {
      const native = createNativeMachine(platform, options);
      reason = name === 'native' ? 'asked for' : `kernels built for this processor (${native.variant})`;
      return native;
    } catch (error) {
      reason = `in place of native: ${(error as Error).message.replace(/^native: /, '')}`;
      if (name === 'native') throw new DeviceError((error as Error).message);
      return createWasmMachine(platform, options);
    }
  }
  reason = 'asked for';
  return createWasmMachine(platform, options);
}

let started = false;
function startWith(name: DeviceName): void {
  machine = createMachine(name);
  pool = new Pool(machine, refresh);
  instructionStorage = pool.allocate(WORDS * 8);
  instructionStorage.retain();
  instructionAddress = instructionStorage.address;
  refresh();
  started = true;
  const level = debugLevel(platform.env);
  if (level > 0) {
    const { now, errorColours: colours } = platform;
    setObserver(startDebug({ level, machine, colours: colours(), now, write: console.error, memory: () => pool.info() }));
  }
}

/** Starts the device on first use. Every tensor goes through here once. */
export function start(): void {
  if (started) return;
  const wanted = platform.env('FATHOM_DEVICE');
  startWith(wanted ? checkDevice(wanted, 'FATHOM_DEVICE') : 'cpu');
}

/**
 * Chooses the device: 'native', 'wasm' or 'cpu' (the better of the two). A process has one device, so call it before the first tensor.
 * DeviceError names the known ones, says why 'native' is not to be had, or that another one runs already.
 */
export function setDevice(name: string): void {
  const wanted = checkDevice(name, 'setDevice');
  if (!started) startWith(wanted);
  else if (wanted !== 'cpu' && wanted !== machine.name)
    throw new DeviceError(
      `setDevice: tensors live on '${machine.name}' already; choose '${name}' before the first tensor, or set FATHOM_DEVICE=${name}`,
    );
}

/** Why this device runs and no other: one line. */
export function deviceReason(): string {
  start();
  return reason;
}

/** Name of the device in use. */
export function device(): string {
  start();
  return machine.name;
}

/** Number of threads that kernels use, from 1 to what the hardware has. Results do not depend on it. */
export function setThreads(n: number): void {
  if (!Number.isInteger(n) || n < 1) throw new ValueError(`setThreads: ${n} is not a number of threads; use a whole number from 1 on`);
  start();
  machine.setThreads(n);
}

/** Number of threads that kernels use now. */
export function threads(): number {
  start();
  return machine.threads;
}

/** Resolves when all workers have joined, or after a second with those that have. Kernels may run before. */
export async function threadsJoined(): Promise<void> {
  start();
  const end = platform.now() + 1000;
  while (machine.threads < machine.threadsWanted && platform.now() < end) await new Promise((resolve) => setTimeout(resolve, 2));
}

function kernelError(what: string, code: number): FathomError {
  const [a, b] = [machine.errorInfo(0), machine.errorInfo(1)];
  if (code === 1) return new IndexError(`${what}: index ${a} is out of range for a dimension of size ${b}; use ${-b} to ${b - 1}`);
  if (code === 3)
    return new ValueError(`${what}: integer division by zero; divide floating-point tensors, or keep zeros out of the divisor`);
  return new FathomError(`${what}: the kernels do not know opcode ${a}; rebuild them so that they match this version`);
}

/** Sees every call of the kernels: its name, when it began and ended (milliseconds), and its `count` instructions, which follow one another in `words`. */
export type ExecutionObserver = (what: string, begin: number, end: number, words: Float64Array, count: number) => void;
/** Bytes that tensors hold now, and held at most. */
export interface MemoryBytes {
  live: number;
  peak: number;
}
/** How many backward sweeps are running, so that observers can tell a derivative's calls from others. */
export const sweeps = { running: 0 };
let observer: ExecutionObserver | null = null;
/** Sets who sees the calls (null: nobody) and gives who did before. */
export function setObserver(next: ExecutionObserver | null): ExecutionObserver | null {
  const old = observer;
  observer = next;
  return old;
}

function execute(what: string, count: number): number {
  if (observer === null) return machine.execute(instructionAddress, count);
  const begin = platform.now();
  const code = machine.execute(instructionAddress, count);
  observer(what, begin, platform.now(), I, count);
  return code;
}

/** Executes the instruction of `length` words at the start of the buffer. */
export function run(what: string, length: number): void {
  I[1] = length;
  if (recording !== null) recording.executing(what, 1, I);
  const code = execute(what, 1);
  if (code !== 0) throw kernelError(what, code);
}

/** Executes `count` instructions that follow one another in the buffer. */
export function runMany(what: string, count: number): void {
  if (recording !== null) recording.executing(what, count, I);
  const code = execute(what, count);
  if (code !== 0) throw kernelError(what, code);
}

/** Executes `count` instructions at an address in device memory; `names` tells them apart in profiles and errors. */
export function runAt(address: number, count: number, names: readonly string[]): void {
  if (observer === null) {
    const code = machine.execute(address, count);
    if (code !== 0) throw kernelError('compiled function', code);
    return;
  }
  let at = address;
  for (let k = 0; k < count; k++) {
    const [, length] = new Float64Array(machine.buffer(), at, 2);
    const begin = platform.now();
    const code = machine.execute(at, 1);
    observer(names[k], begin, platform.now(), new Float64Array(machine.buffer(), at, length), 1);
    if (code !== 0) throw kernelError(names[k], code);
    at += length * 8;
  }
}

export const instructionWords = WORDS;

/** Scratch bytes that the convolution instruction in the buffer asks for. */
export const convWorkspace = (length: number): number => {
  I[1] = length;
  return machine.convWorkspace(instructionAddress);
};

/** Scratch bytes that a convolution instruction of these words asks for. */
export const convWorkspaceOf = (words: readonly number[]): number => {
  I.set(words);
  return machine.convWorkspace(instructionAddress);
};

/** Copies words into device memory for good (scalar programs) and gives their address. */
export function storeWords(words: readonly number[]): number {
  start();
  const storage = pool.allocate(words.length * 8);
  storage.retain();
  new Float64Array(machine.buffer(), storage.address, words.length).set(words);
  permanent.push(storage);
  stored.set(storage.address, Float64Array.from(words));
  return storage.address;
}
const stored = new Map<number, Float64Array>();
/** What storeWords put at an address, or undefined. */
export const storedWords = (address: number): Float64Array | undefined => stored.get(address);
const permanent: Storage[] = [];
