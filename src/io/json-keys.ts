// The keys of a JSON text as they stand in it: JSON.parse keeps the last of two equal keys silently and moves keys such as '0'
// to the front; a reader of files must see both.

/** What the text of a JSON object says about its keys. */
export interface JsonKeys {
  /** Keys of the outermost object in the order of the text. */
  outer: string[];
  /** The first key that occurs twice in one object, at any depth. */
  duplicate: string | undefined;
}

/** Lists the keys of a text that JSON.parse accepts. */
export function jsonKeys(json: string): JsonKeys {
  const open: (Set<string> | null)[] = []; // one entry a nesting level: the keys of an object, null for an array
  const outer: string[] = [];
  let duplicate: string | undefined;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '{') open.push(new Set());
    else if (c === '[') open.push(null);
    else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++;
      const keys = open[open.length - 1];
      let next = i + 1;
      while (json[next] === ' ' || json[next] === '\t' || json[next] === '\n' || json[next] === '\r') next++;
      if (!keys || json[next] !== ':') continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      if (keys.has(key)) duplicate ??= key;
      keys.add(key);
      if (open.length === 1) outer.push(key);
    }
  }
  return { outer, duplicate };
}
