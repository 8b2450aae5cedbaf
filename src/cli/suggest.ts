// "Did you mean …?": the nearest of a list of names.

/** Fewest insertions, deletions and substitutions that turn `a` into `b` (Levenshtein, 1966), one row at a time. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** The name nearest to `text`: one that begins with it or holds it, or one within two typing errors (a third of the length for long names). */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const wanted = text.toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const name of names) {
    const other = name.toLowerCase();
    const part = wanted.length >= 3 && (other.includes(wanted) || wanted.includes(other));
    const distance = part ? 0.5 + Math.abs(other.length - wanted.length) / 100 : editDistance(wanted, other);
    const longest = Math.max(wanted.length, other.length);
    const limit = part ? 1 : Math.min(longest - 1, Math.max(2, Math.floor(longest / 3)));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

/** ' Did you mean X?' or nothing. */
export function didYouMean(text: string, names: readonly string[]): string {
  const name = nearest(text, names);
  return name === undefined ? '' : ` Did you mean '${name}'?`;
}
