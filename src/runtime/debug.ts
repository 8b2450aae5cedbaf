// DEBUG=1 … 4 in the environment: what the kernels do, on standard error, while it happens.
//
// 1 the device, and a line for each training step; 2 also a line for each call of the kernels; 3 also its instructions, every word by
// name; 4 also the programs of elementwise work. Off, it costs nothing: no observer is set.

import { decode, disassemble } from './debug-format.ts';
import { ValueError } from './errors.ts';
import { lengthAt, type Work, workOfAll } from './instruction-work.ts';
import type { Machine } from './machine.ts';
import type { ExecutionObserver, MemoryBytes } from './runtime.ts';

/** What is told of an optimizer's step or of a compiled function; null while nobody listens. */
export interface DebugEvents {
  /** An optimizer has updated its parameters. */
  step(optimizer: string): void;
  /** Something that is worth a line at `level`: a tag of one word and text. More lines follow indented. */
  note(level: number, tag: string, text: string): void;
}
export let debugEvents: DebugEvents | null = null;

/** Level that the environment asks for. DEBUG belongs to other libraries too: only the whole numbers 1 to 4 are for us. */
export function debugLevel(env: (name: string) => string | undefined): number {
  const own = env('FATHOM_DEBUG');
  if (own !== undefined && own !== '') {
    if (!/^[0-4]$/.test(own)) throw new ValueError(`FATHOM_DEBUG: '${own}' is no level; use a whole number from 0 to 4`);
    return Number(own);
  }
  const shared = env('DEBUG') ?? '';
  return /^[1-4]$/.test(shared) ? Number(shared) : 0;
}

type Colour = 'dim' | 'bold' | 'red' | 'yellow' | 'green' | 'cyan' | 'blue' | 'magenta';
const codes: Record<Colour, number> = { dim: 2, bold: 1, red: 31, yellow: 33, green: 32, cyan: 36, blue: 34, magenta: 35 };

/** Colour of a call by what its first instruction is. */
function kindOf(opcode: number): Colour {
  if (opcode <= 1) return 'green';
  if (opcode === 2 || (opcode >= 9 && opcode <= 12) || opcode === 17 || opcode === 18) return 'blue';
  if (opcode >= 19 && opcode <= 23) return 'magenta';
  return (opcode >= 3 && opcode <= 6) || opcode >= 40 ? 'cyan' : 'yellow';
}

/** Time in a column of eleven characters. */
const milliseconds = (ms: number): string => `${ms.toFixed(3).padStart(8)} ms`;
/** Amount over milliseconds as a rate of 10^9 a second, in a column. */
const rate = (amount: number, ms: number, unit: string): string =>
  amount > 0 && ms > 0 ? `${(amount / ms / 1e6).toFixed(1).padStart(7)} ${unit}` : ' '.repeat(8 + unit.length);
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export interface DebugOptions {
  level: number;
  machine: Machine;
  /** Whether standard error understands colours. */
  colours: boolean;
  now(): number;
  write(line: string): void;
  memory(): MemoryBytes;
}

/** Begins to tell: gives the observer of the calls. */
export function startDebug({ level, machine, colours, now, write, memory }: DebugOptions): ExecutionObserver {
  const paint = (text: string, ...with_: Colour[]): string =>
    colours ? `${with_.map((c) => `\u001b[${codes[c]}m`).join('')}${text}\u001b[0m` : text;
  let [calls, steps, sinceStep] = [0, 0, now()];
  let sum: Work & { ms: number; calls: number } = { flops: 0, bytes: 0, ms: 0, calls: 0 };

  const threads = `${machine.threadsWanted} thread${machine.threadsWanted === 1 ? '' : 's'}`;
  write(
    `${paint('fathom', 'bold')}  ${machine.name} (${machine.variant}), ${threads}, up to ${mebibytes(machine.maxBytes)}; debug level ${level}`,
  );

  debugEvents = {
    step(optimizer) {
      const end = now();
      const ms = end - sinceStep;
      const part = ms > 0 ? `${Math.round((100 * sum.ms) / ms)} %`.padStart(5) : '';
      const { live, peak } = memory();
      write(
        `${paint(`step ${String(++steps).padStart(5)}`, 'bold')} ${milliseconds(ms)}   kernels ${milliseconds(sum.ms)} ${part}  ` +
          `${String(sum.calls).padStart(5)} calls  ${rate(sum.flops, sum.ms, 'GFLOP/s')}  ${rate(sum.bytes, sum.ms, 'GB/s')}  ` +
          `${mebibytes(live).padStart(11)} alive, peak ${mebibytes(peak)}  ${paint(optimizer, 'dim')}`,
      );
      sum = { flops: 0, bytes: 0, ms: 0, calls: 0 };
      sinceStep = now();
    },
    note(at, tag, text) {
      if (level < at) return;
      const [first, ...more] = text.split('\n');
      write([`${paint(tag, 'bold')}  ${first}`, ...more.map((l) => `      ${l}`)].join('\n'));
    },
  };

  return (what, begin, end, words, count) => {
    const ms = end - begin;
    const { flops, bytes } = workOfAll(words, count);
    sum.flops += flops;
    sum.bytes += bytes;
    sum.ms += ms;
    sum.calls++;
    if (level < 2) return;
    const time = milliseconds(ms);
    const name = what.padEnd(28);
    write(
      `${paint(String(++calls).padStart(6), 'dim')}  ${paint(name, kindOf(words[0]))} ${ms >= 10 ? paint(time, 'red') : ms >= 1 ? paint(time, 'yellow') : time}  ` +
        `${rate(flops, ms, 'GFLOP/s')}  ${rate(bytes, ms, 'GB/s')}${count > 1 ? `  ${count} instructions` : ''}`.trimEnd(),
    );
    if (level < 3) return;
    for (let i = 0, o = 0; i < count; i++, o += lengthAt(words, o)) {
      write(`        ${paint(decode(words, o), 'dim')}`);
      if (level >= 4) for (const line of disassemble(words, o, machine.buffer())) write(`          ${line}`);
    }
  };
}
