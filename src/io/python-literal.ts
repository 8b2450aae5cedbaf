// Reads the Python literals that stand in NumPy's headers: dictionaries, tuples, lists, texts, whole numbers, True, False, None.
// A reader of its own, because a header must never be evaluated.

/** A literal: tuples and lists become arrays, dictionaries maps. */
export type PythonLiteral = string | number | boolean | null | PythonLiteral[] | Map<PythonLiteral, PythonLiteral>;

const maxDepth = 32; // NumPy's own headers need 4

/** Parses one literal. Throws an Error that says where the text stops being one. */
export function parsePythonLiteral(text: string): PythonLiteral {
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at character ${at}`);
  };
  const skip = (): void => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at++;
  };
  const sequence = (close: string, depth: number): PythonLiteral[] => {
    const items: PythonLiteral[] = [];
    for (skip(); text[at] !== close; skip()) {
      items.push(value(depth));
      skip();
      if (text[at] === ',') at++;
      else if (text[at] !== close) fail(`'${close}' was expected`);
    }
    at++;
    return items;
  };
  const dictionary = (depth: number): Map<PythonLiteral, PythonLiteral> => {
    const map = new Map<PythonLiteral, PythonLiteral>();
    for (skip(); text[at] !== '}'; skip()) {
      const key = value(depth);
      skip();
      if (text[at] !== ':') fail("':' was expected");
      at++;
      map.set(key, value(depth));
      skip();
      if (text[at] === ',') at++;
      else if (text[at] !== '}') fail("'}' was expected");
    }
    at++;
    return map;
  };
  const quoted = (quote: string): string => {
    const end = text.indexOf(quote, at);
    const body = end < 0 ? fail('a text without end') : text.slice(at, end);
    if (body.includes('\\')) fail('an escape, which headers do not have');
    at = end + 1;
    return body;
  };
  const value = (depth: number): PythonLiteral => {
    if (depth > maxDepth) fail('too deep nesting');
    skip();
    const c = text[at++];
    if (c === '{') return dictionary(depth + 1);
    if (c === '(') return sequence(')', depth + 1);
    if (c === '[') return sequence(']', depth + 1);
    if (c === "'" || c === '"') return quoted(c);
    at--;
    const word = /^(?:[A-Za-z_]\w*|[+-]?\d+L?)/.exec(text.slice(at, at + 40))?.[0] ?? fail('no literal');
    at += word.length;
    if (word === 'True' || word === 'False') return word === 'True';
    if (word === 'None') return null;
    return /^[+-]?\d/.test(word) ? Number(word.replace('L', '')) : fail(`the name ${word}`);
  };
  const result = value(0);
  skip();
  if (at < text.length) fail('more text than one literal');
  return result;
}
