// Small hand-made case folders for the tests of the conformance runner.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdapter, type Rows } from '../../conformance/adapter/index.ts';
import type { Case, Group } from '../../conformance/cases.ts';
import { library } from '../../conformance/library.ts';
import { Report } from '../../conformance/report.ts';
import { runGroup } from '../../conformance/run-group.ts';
import type { HostArray } from '../../conformance/tensors.ts';

export const f32 = (shape: number[], ...values: number[]): HostArray => ({ dtype: 'float32', shape, data: Float32Array.from(values) });
export const i64 = (shape: number[], ...values: number[]): HostArray => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values.map(BigInt)),
});

export const groupOf = (cases: readonly Case[], tensors: Record<string, HostArray> = {}): Group => ({
  name: 'test',
  cases,
  tensors: new Map(Object.entries(tensors)),
});

/** Runs cases against the real library, with the given rows or the adapter's own. */
export function runCases(cases: readonly Case[], tensors: Record<string, HostArray> = {}, rows?: Rows): Report {
  const report = new Report();
  runGroup(groupOf(cases, tensors), { adapter: createAdapter(library, rows), report });
  return report;
}

/** The bytes of a safetensors file with this header and body. */
export function safetensors(header: unknown, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const out = new Uint8Array(8 + json.length + body.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(new TextEncoder().encode(json), 8);
  out.set(body, 8 + json.length);
  return out;
}

/** Calls `fn` with a folder of these files below `cases/`, and removes it afterwards. */
export function withFolder(files: Record<string, string | Uint8Array>, fn: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'fathom-golden-'));
  try {
    mkdirSync(join(dir, 'cases'));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, 'cases', name), content);
    fn(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
