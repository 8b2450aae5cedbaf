// Whole networks, built from plain functions by the descriptions in the cases.

import type { Case } from './cases.ts';
import type { Difference } from './compare.ts';
import { type Context, Unavailable } from './context.ts';

export function runNetwork(_ctx: Context, c: Case): Difference | null {
  throw new Unavailable(c.op, null);
}
