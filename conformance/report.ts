// Counts outcomes per group and prints them.

import type { Case } from './cases.ts';
import type { Outcome } from './run-case.ts';

export interface GroupCounts {
  passed: number;
  failed: number;
  unmapped: number;
  skipped: number;
  total: number;
}

export interface FailureRecord {
  readonly id: string;
  readonly op: string;
  readonly what: string;
  readonly message: string;
  /** Largest error; null when it is infinite (a wrong shape, an exception). */
  readonly error: number | null;
}

const empty = (): GroupCounts => ({ passed: 0, failed: 0, unmapped: 0, skipped: 0, total: 0 });

export class Report {
  readonly groups = new Map<string, GroupCounts>();
  readonly failures: FailureRecord[] = [];
  /** Ops without a row in the adapter, with the number of their cases. */
  readonly unmapped = new Map<string, number>();
  /** Functions that rows name and the library lacks, with the number of cases. */
  readonly missing = new Map<string, number>();
  readonly skippedDTypes = new Map<string, number>();

  counts(group: string): GroupCounts {
    let c = this.groups.get(group);
    if (c === undefined) this.groups.set(group, (c = empty()));
    return c;
  }

  skip(group: string, dtype: string): void {
    const c = this.counts(group);
    c.total++;
    c.skipped++;
    this.skippedDTypes.set(dtype, (this.skippedDTypes.get(dtype) ?? 0) + 1);
  }

  add(group: string, c: Case, outcome: Outcome): void {
    const n = this.counts(group);
    n.total++;
    n[outcome.status]++;
    if (outcome.status === 'failed') {
      const { what, message, error } = outcome.difference;
      this.failures.push({ id: c.id, op: c.op, what, message, error: Number.isFinite(error) ? error : null });
    } else if (outcome.status === 'unmapped') {
      const [map, key] = outcome.missing === null ? [this.unmapped, outcome.name] : [this.missing, outcome.missing];
      map.set(key, (map.get(key) ?? 0) + 1);
    }
  }

  get totals(): GroupCounts {
    const t = empty();
    for (const c of this.groups.values()) for (const k of Object.keys(t) as (keyof GroupCounts)[]) t[k] += c[k];
    return t;
  }

  toJSON(): Record<string, unknown> {
    return {
      groups: Object.fromEntries(this.groups),
      totals: this.totals,
      failures: this.failures,
      unmapped: Object.fromEntries(this.unmapped),
      missing: Object.fromEntries(this.missing),
      skippedDTypes: Object.fromEntries(this.skippedDTypes),
    };
  }

  /** The table of counts, what is not mapped, and the first differences. */
  text(maxFailures: number): string {
    const lines: string[] = [];
    const row = (name: string, c: GroupCounts): string =>
      name.padEnd(16) + [c.passed, c.failed, c.unmapped, c.skipped, c.total].map((n) => String(n).padStart(10)).join('');
    lines.push(`${''.padEnd(16)}${['passed', 'failed', 'unmapped', 'skipped', 'total'].map((s) => s.padStart(10)).join('')}`);
    for (const [name, c] of this.groups) lines.push(row(name, c));
    lines.push(row('all', this.totals));
    const list = (map: ReadonlyMap<string, number>): string =>
      [...map]
        .sort((a, b) => b[1] - a[1])
        .map(([k, n]) => `${k} (${n})`)
        .join(', ');
    if (this.unmapped.size > 0) lines.push('', `not mapped: ${list(this.unmapped)}`);
    if (this.missing.size > 0) lines.push('', `missing in library: ${list(this.missing)}`);
    if (this.skippedDTypes.size > 0) lines.push('', `skipped for dtypes that the device lacks: ${list(this.skippedDTypes)}`);
    if (this.failures.length > 0) {
      lines.push('', `first differences (${Math.min(maxFailures, this.failures.length)} of ${this.failures.length}):`);
      for (const f of this.failures.slice(0, maxFailures))
        lines.push(`  ${f.id}  ${f.what}: ${f.message}${f.error === null ? '' : `; largest error ${f.error.toPrecision(3)}`}`);
    }
    return lines.join('\n');
  }
}
