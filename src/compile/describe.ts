// A plan in words: guards, memory, and its instructions one by one.

import { dtypeCode } from '../tensor/dtype.ts';
import type { Buffer, Instruction, Ref } from './graph.ts';
import { instructionName } from './operands-more.ts';
import type { Plan } from './plan.ts';
import { showSpec } from './values.ts';

const dtypes = Object.keys(dtypeCode);

const bytesText = (n: number): string =>
  n < 1024 ? `${n} B` : n < 2 ** 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 2 ** 20).toFixed(1)} MiB`;

/** Sizes and dtype that an instruction works on. */
function shapeText({ words: w }: Instruction): string {
  const list = (from: number, n: number): string => `[${w.slice(from, from + n).join(', ')}]`;
  switch (w[0]) {
    case 1:
      return `${dtypes[w[8]]} ${list(9 + 2 * (w[3] + w[4]), w[6])}`;
    case 2:
      return `${dtypes[w[7]]} ${list(13 + 2 * w[3], w[5])} of ${list(13 + 2 * w[3] + w[5], w[6])}`;
    case 3:
      return `${dtypes[w[2]]} ${w[14] > 0 ? `${list(19, w[14])} × ` : ''}[${w[3]}, ${w[5]}] × [${w[5]}, ${w[4]}]`;
    case 4:
    case 5:
    case 6:
      return `${dtypes[w[2]]} ${list(3, 4)} * [${w[7]}, ${w[4] / w[16]}, ${w[8]}, ${w[9]}]`;
    default: {
      const operand = w[0] === 13 || w[0] === 14 ? 3 : w[0] === 16 ? 9 : w[0] === 17 ? 3 : 2;
      return dtypes[w[operand]] ?? '';
    }
  }
}

const place = (r: Ref): string => `${r.buffer.name}${r.offset > 0 ? `+${r.offset}` : ''}`;

function line(i: Instruction, k: number): string {
  const from = i.refs.filter((r) => r.access === 'read').map(place);
  const to = i.refs.filter((r) => r.access === 'write').map(place);
  const both = i.refs.filter((r) => r.access === 'update').map(place);
  const parts = i.parts.length > 0 ? `  ${i.parts.length} in one: ${counted(i.parts)}` : '';
  const steps = i.program === null || i.program.words[0] === 0 ? '' : `, ${i.program.words[0]} step(s)`;
  const out = [...to, ...both].join(', ');
  return `  ${String(k).padStart(4)}  ${out} ← ${instructionName(i.words[0])} ${i.name}(${from.join(', ')})  ${shapeText(i)}${steps}${parts}`;
}

/** Names with the number of times that each follows itself or comes again. */
function counted(names: readonly string[]): string {
  const n = new Map<string, number>();
  for (const x of names) n.set(x, (n.get(x) ?? 0) + 1);
  return [...n].map(([x, count]) => (count > 1 ? `${count} ${x}` : x)).join(', ');
}

const bytesOf = (list: Iterable<Buffer>, kind: Buffer['kind']): string => {
  const own = [...list].filter((b) => b.kind === kind);
  return `${own.length} (${bytesText(own.reduce((n, b) => n + b.bytes, 0))})`;
};

/** The text of a plan. */
export function describePlan(plan: Plan): string {
  const { trace, memory, instructions, barrier } = plan;
  const used = new Set(instructions.flatMap((i) => i.refs.map((r) => r.buffer)));
  const arena = memory.sizes.first + memory.sizes.second + memory.sizes.saved;
  const lines = [
    `plan for (${trace.args.map(showSpec).join(', ')}), gradients ${trace.gradMode === null ? 'on or off' : trace.gradMode ? 'on' : 'off'}${trace.guards.length > 0 ? `, while ${trace.guards.length} module(s) and optimizer(s) are as they were` : ''}`,
    `  ${trace.instructions.length} instructions recorded, ${instructions.length} after fusion`,
    `  temporaries ${bytesText(memory.unshared)} in an arena of ${bytesText(arena)}; parameters and state ${bytesOf(used, 'fixed')}, constants ${bytesOf(used, 'constant')}, gradients ${bytesOf(used, 'kept')}, results ${bytesOf(used, 'output')}`,
  ];
  if (trace.joint !== null) lines.push(`  forward, ${bytesText(memory.sizes.saved)} kept for backward`);
  instructions.forEach((i, k) => {
    if (k === barrier && trace.joint !== null) lines.push('  backward');
    lines.push(line(i, k));
  });
  return lines.join('\n');
}
