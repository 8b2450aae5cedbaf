// Runs all cases of a group against an adapter and collects the outcomes.

import { allDTypes } from '../src/tensor/dtype.ts';
import type { Adapter } from './adapter/index.ts';
import type { Group } from './cases.ts';
import { type Execution, eager } from './compiled.ts';
import { dtypesOf } from './decode.ts';
import { ft } from './library.ts';
import type { Report } from './report.ts';
import { runCase } from './run-case.ts';

export interface RunOptions {
  readonly adapter: Adapter;
  readonly report: Report;
  /** Only cases whose id contains this. */
  readonly only?: string | undefined;
  /** dtypes of the device; cases that use another one are skipped. */
  readonly dtypes?: ReadonlySet<string>;
  readonly backend?: string;
  /** How the computations run; eagerly unless given. */
  readonly execution?: Execution;
}

/** Common factor on all tolerances of a device, where its elementary functions are less exact than a CPU's. */
const toleranceFactor: Readonly<Record<string, number>> = { wasm: 1, cpu: 1, native: 1 };

/** The dtypes in which the device can make a tensor. */
export function supportedDTypes(): Set<string> {
  return new Set(
    allDTypes.filter((dtype) => {
      try {
        ft.zeros([1], { dtype });
        return true;
      } catch {
        return false;
      }
    }),
  );
}

export function runGroup(group: Group, { adapter, report, only, dtypes, backend = 'wasm', execution = eager }: RunOptions): void {
  const factor = toleranceFactor[backend] ?? 1;
  for (const c of group.cases) {
    if (only !== undefined && !c.id.includes(only)) continue;
    const lacking = dtypes === undefined ? undefined : [...dtypesOf(c, group.tensors)].find((d) => !dtypes.has(d));
    if (lacking !== undefined) report.skip(group.name, lacking);
    else
      report.add(
        group.name,
        c,
        ft.scope(() => runCase({ adapter, group, factor, execution }, c)),
      );
  }
}
