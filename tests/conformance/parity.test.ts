// docs/parity.md: what it claims is there, and it is up to date.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allRows } from '../../conformance/adapter/index.ts';
import { lookUp } from '../../conformance/adapter/row.ts';
import { library } from '../../conformance/library.ts';
import { parityPage } from '../../conformance/parity.ts';
import { bookNames, forms } from '../../conformance/parity-book.ts';

test('the page is what the table gives; otherwise run npm run docs', () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/parity.md', import.meta.url)), 'utf8');
  expect(page).toBe(parityPage());
});

test('every name of the book that has a function here leads to it', () => {
  for (const [python, , path] of bookNames) {
    if (path === null) continue;
    const [first, ...rest] = path.split('.');
    const method = rest.length > 0 && typeof (library[first] as { prototype?: object } | undefined)?.prototype === 'object';
    const inner = (library[first] as Record<string, unknown> | undefined)?.[rest[0]] as { prototype?: Record<string, unknown> } | undefined;
    const found =
      lookUp(library, path) !== null ||
      (method && rest[0] in (library[first] as { prototype: object }).prototype) ||
      (rest.length === 2 && inner?.prototype !== undefined && rest[1] in inner.prototype);
    expect(found, `${python} -> ${path}`).toBe(true);
  }
});

test('forms belong to names of the table', () => {
  const known = new Set(Object.keys(allRows));
  expect(Object.keys(forms).filter((name) => !known.has(name))).toEqual([]);
});
