// `fathom list`: the lessons, one a line.
import type { Lesson } from '../context.ts';

/** A table for readers, or with `json` the same as JSON. */
export function listText(lessons: readonly Lesson[], { json = false }: { json?: boolean } = {}): string {
  const facts = lessons.map(({ id, name, title, dataset, minutes }) => ({ id, name, title, dataset, minutes }));
  if (json) return JSON.stringify(facts);
  const rows = [['lesson', 'name', 'title', 'data', 'time'], ...facts.map((f) => [f.id, f.name, f.title, f.dataset, duration(f.minutes)])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, '', `Run one by number or name: npx fathom run ${lessons.at(-1)?.name ?? '7.6'}`].join('\n');
}

function duration(minutes: number): string {
  return minutes < 1 ? `${Math.max(1, Math.round(minutes * 60))} s` : `${minutes} min`;
}
