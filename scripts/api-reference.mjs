// Writes the API reference docs/api/*.md, one page for each face of the package, from the compiled declarations (dist/**/*.d.ts) and their TSDoc.
//
// node scripts/api-reference.mjs [--check]   --check writes nothing and ends with 1 when a page is not up to date
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '@babel/parser';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pages = join(root, 'docs', 'api');

const modules = new Map();
/** A declaration file as statements; parsed once. */
function load(path) {
  let m = modules.get(path);
  if (m === undefined) {
    const text = readFileSync(path, 'utf8');
    const { program } = parse(text, { sourceType: 'module', plugins: [['typescript', { dts: true }]], attachComment: true });
    m = { path, text, body: program.body };
    modules.set(path, m);
  }
  return m;
}

const target = (from, specifier) => resolve(dirname(from), specifier.replace(/\.ts$/, '.d.ts').replace(/\.js$/, '.d.ts'));
const isLocal = (specifier) => specifier.startsWith('.');

/** The text of a TSDoc comment in front of a node, as one paragraph. */
function docOf(node) {
  const comment = (node.leadingComments ?? []).filter((c) => c.type === 'CommentBlock' && c.value.startsWith('*')).pop();
  if (comment === undefined) return '';
  return comment.value
    .slice(1)
    .split('\n')
    .map((line) => line.trim().replace(/^\* ?/, ''))
    .join(' ')
    .replace(/@(\w+)/g, '$1:')
    .replace(/\s+/g, ' ')
    .trim();
}

const textOf = (m, node) => m.text.slice(node.start, node.end);
const tidy = (text) =>
  text
    .replace(/\/\*\*[\s\S]*?\*\/\s*/g, '')
    .replace(/\s+/g, ' ')
    .trim();

/** Everything that a module exports: name -> { m, node, kind, doc } or { module } for a namespace. */
function exportsOf(path, seen = new Set()) {
  const out = new Map();
  if (seen.has(path) || !existsSync(path)) return out;
  seen.add(path);
  const m = load(path);
  const locals = localsOf(m);
  for (const s of m.body) {
    if (s.type === 'ExportAllDeclaration' && isLocal(s.source.value)) {
      for (const [name, e] of exportsOf(target(path, s.source.value), seen)) if (!out.has(name)) out.set(name, e);
    } else if (s.type === 'ExportNamedDeclaration' && s.declaration) {
      for (const [name, e] of declared(m, s.declaration, docOf(s))) out.set(name, e);
    } else if (s.type === 'ExportNamedDeclaration') {
      for (const spec of s.specifiers) {
        const name = spec.exported.name ?? spec.exported.value;
        if (spec.type === 'ExportNamespaceSpecifier') out.set(name, { module: target(path, s.source.value) });
        else if (s.source && isLocal(s.source.value)) {
          const e = exportsOf(target(path, s.source.value)).get(spec.local.name);
          if (e) out.set(name, e);
        } else if (!s.source && locals.has(spec.local.name)) out.set(name, locals.get(spec.local.name)());
      }
    }
  }
  return out;
}

/** Names that a module declares or imports without exporting them there. */
function localsOf(m) {
  const out = new Map();
  for (const s of m.body) {
    if (s.type === 'ImportDeclaration' && isLocal(s.source.value)) {
      for (const spec of s.specifiers) {
        const from = target(m.path, s.source.value);
        if (spec.type === 'ImportNamespaceSpecifier') out.set(spec.local.name, () => ({ module: from }));
        else if (spec.type === 'ImportSpecifier') out.set(spec.local.name, () => exportsOf(from).get(spec.imported.name) ?? {});
      }
    } else for (const [name, e] of declared(m, s.declaration ?? s, docOf(s))) out.set(name, () => e);
  }
  return out;
}

function declared(m, d, doc) {
  switch (d.type) {
    case 'TSDeclareFunction':
    case 'FunctionDeclaration':
      return [[d.id.name, { m, node: d, kind: 'function', doc }]];
    case 'ClassDeclaration':
      return [[d.id.name, { m, node: d, kind: 'class', doc }]];
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      return [[d.id.name, { m, node: d, kind: 'type', doc }]];
    case 'VariableDeclaration':
      return d.declarations.map((v) => {
        const type = v.id.typeAnnotation?.typeAnnotation;
        const callable = type?.type === 'TSFunctionType';
        return [v.id.name, { m, node: v, kind: callable ? 'function' : 'value', doc: docOf(v) || doc }];
      });
    default:
      return [];
  }
}

/** How a function or value is written: `name(parameters): result`. */
function signature(name, { m, node }) {
  const type = node.id?.typeAnnotation?.typeAnnotation;
  const from = type?.type === 'TSFunctionType' ? type : node;
  if (from.parameters || from.params) {
    const params = (from.parameters ?? from.params).map((p) => tidy(textOf(m, p))).join(', ');
    const result = from.typeAnnotation?.typeAnnotation ?? from.returnType?.typeAnnotation ?? from.typeAnnotation;
    const generics = from.typeParameters ? textOf(m, from.typeParameters) : '';
    return `${name}${generics}(${params})${result ? `: ${tidy(textOf(m, result)).replace(/^: /, '')}` : ''}`;
  }
  return type ? `${name}: ${tidy(textOf(m, type))}` : name;
}

function memberLines(m, members) {
  const lines = [];
  for (const member of members) {
    if (member.accessibility === 'private' || member.accessibility === 'protected' || member.key?.type === 'PrivateName') continue;
    if (member.type === 'ClassPrivateProperty') continue;
    const text = tidy(textOf(m, member)).replace(/;$/, '');
    const doc = docOf(member);
    if (text !== '') lines.push(`- \`${text}\`${doc ? `: ${doc}` : ''}`);
  }
  return lines;
}

function entry(name, e, docs) {
  const doc = e.doc || docs.get(name) || '';
  const at = relative(root, e.m.path)
    .replace(/^dist\//, 'src/')
    .replace(/\.d\.ts$/, '.ts');
  const link = `[source](../../${at})`;
  if (e.kind === 'function' || e.kind === 'value') {
    return [`### ${name}`, '', '```ts', signature(name, e), '```', '', `${doc} ${link}`.trim(), ''];
  }
  if (e.kind === 'class') {
    const base = e.node.superClass ? ` extends ${textOf(e.m, e.node.superClass)}` : '';
    return [`### class ${name}${base}`, '', `${doc} ${link}`.trim(), '', ...memberLines(e.m, e.node.body.body), ''];
  }
  const members = e.node.body?.body;
  if (members) return [`### ${name}`, '', `${doc} ${link}`.trim(), '', ...memberLines(e.m, members), ''];
  return [`### ${name}`, '', '```ts', tidy(textOf(e.m, e.node)).replace(/;$/, ''), '```', '', `${doc} ${link}`.trim(), ''];
}

const sections = [
  ['function', 'Functions'],
  ['class', 'Classes'],
  ['value', 'Values'],
  ['type', 'Types'],
];

function page(title, intro, names, docs) {
  const lines = [`# ${title}`, '', intro, ''];
  const spaces = [...names].filter(([, e]) => e.module !== undefined);
  if (spaces.length > 0) lines.push(`Namespaces: ${spaces.map(([n]) => `\`${n}\``).join(', ')}.`, '');
  for (const [kind, heading] of sections) {
    const list = [...names].filter(([, e]) => e.kind === kind).sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
    if (list.length === 0) continue;
    lines.push(`## ${heading}`, '');
    for (const [name, e] of list) lines.push(...entry(name, e, docs));
  }
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

/** Docs of operations that are made from tables: the table's own text, by name. */
async function tableDocs() {
  const { elementwiseRows } = await import(new URL('../dist/index.js', import.meta.url));
  const docs = new Map();
  for (const row of Object.values(elementwiseRows)) docs.set(row.name, `${row.doc}.`);
  return docs;
}

const docs = await tableDocs();
const { exports: faces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const written = new Map();
const index = ['# API reference', '', 'Made from the sources by `npm run docs`; one page for each import path.', ''];
for (const [face, file] of Object.entries(faces)) {
  if (typeof file !== 'string' || !file.endsWith('.js')) continue;
  const module = face === '.' ? 'fathom' : `fathom/${face.slice(2)}`;
  const slug = face === '.' ? 'fathom' : face.slice(2).replaceAll('/', '-');
  const names = exportsOf(join(root, file.replace(/\.js$/, '.d.ts')));
  for (const [name, e] of [...names]) if (e.module === undefined && e.kind === undefined) names.delete(name);
  written.set(`${slug}.md`, page(module, `\`import * as ${slug.replace(/\W.*/, '')} from '${module}';\``, names, docs));
  index.push(`- [${module}](${slug}.md): ${[...names.values()].filter((e) => e.kind && e.kind !== 'type').length} names`);
  for (const [name, e] of names) {
    if (e.module === undefined || face !== '.') continue;
    const inner = exportsOf(e.module);
    const already = Object.keys(faces).some((f) => f === `./${name}`);
    if (already || inner.size === 0) continue;
    written.set(`${slug}-${name}.md`, page(`${module}: ${name}`, `\`import { ${name} } from '${module}';\``, inner, docs));
    index.push(`  - [${name}](${slug}-${name}.md): ${[...inner.values()].filter((i) => i.kind && i.kind !== 'type').length} names`);
  }
}
written.set('README.md', `${index.join('\n')}\n`);

const stale = [...written].filter(([name, text]) => !existsSync(join(pages, name)) || readFileSync(join(pages, name), 'utf8') !== text);
const left = existsSync(pages) ? readdirSync(pages).filter((name) => !written.has(name)) : [];
if (process.argv.includes('--check')) {
  for (const [name] of stale) console.error(`docs/api/${name} is not up to date; run npm run docs`);
  for (const name of left) console.error(`docs/api/${name} belongs to nothing; run npm run docs`);
  process.exitCode = stale.length + left.length > 0 ? 1 : 0;
} else {
  mkdirSync(pages, { recursive: true });
  for (const name of left) rmSync(join(pages, name));
  for (const [name, text] of stale) writeFileSync(join(pages, name), text);
  console.log(`docs/api: ${written.size} pages, ${stale.length} written`);
}
