// The table of layers: what each gives and how many numbers it learns.

import { noGrad } from '../autograd/mode.ts';
import { type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { AnyModule } from './module.ts';
import type { Parameter } from './parameter.ts';

export interface LayerRow {
  /** Path in the module, such as 'net.0'. */
  path: string;
  kind: string;
  outputShape: Shape;
  /** Own parameters; shared ones count at their first layer. */
  parameters: number;
}

/** Rows of the layers that have no children, in the order in which they ran. */
export class LayerSummary {
  readonly rows: readonly LayerRow[];
  readonly totalParameters: number;

  constructor(rows: readonly LayerRow[], totalParameters: number) {
    this.rows = rows;
    this.totalParameters = totalParameters;
  }

  toString(): string {
    const cells = this.rows.map((r) => [`${r.path} ${r.kind}`.trim(), show(r.outputShape), r.parameters.toLocaleString('en-US')]);
    const all = [['layer', 'output shape', 'parameters'], ...cells];
    const widths = [0, 1, 2].map((i) => Math.max(...all.map((row) => row[i].length)));
    const line = (row: string[]): string => `${row[0].padEnd(widths[0])}  ${row[1].padEnd(widths[1])}  ${row[2].padStart(widths[2])}`;
    return [...all.map(line), `total parameters: ${this.totalParameters.toLocaleString('en-US')}`].join('\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** Runs `module` once in evaluation mode without gradients and notes what each leaf module gives. */
export function summarize(module: AnyModule, inputs: readonly unknown[]): LayerSummary {
  const rows: LayerRow[] = [];
  const counted = new Set<Parameter>();
  const count = (list: readonly Parameter[]): number => {
    let n = 0;
    for (const p of list) {
      if (counted.has(p)) continue;
      counted.add(p);
      n += p.numel;
    }
    return n;
  };
  const named = module.namedModules();
  const modes = named.map(([, m]) => m.training);
  const removers = named
    .filter(([, m]) => m.namedChildren().length === 0)
    .map(([path, m]) =>
      m.registerForwardHook((_module, _inputs, output) => {
        const out: unknown = Array.isArray(output) ? output[0] : output;
        rows.push({ path, kind: m.kind, outputShape: out instanceof Tensor ? out.shape : [], parameters: count(m.parameters()) });
      }),
    );
  try {
    module.eval();
    noGrad(() => (module as unknown as (...a: readonly unknown[]) => unknown)(...inputs));
  } finally {
    for (const remove of removers) remove();
    named.forEach(([, m], i) => {
      m.training = modes[i];
    });
  }
  return new LayerSummary(
    rows,
    module.parameters().reduce((n, p) => n + p.numel, 0),
  );
}
