// Einstein summation with PyTorch's grammar, reduced to diagonals, sums and batched matrix products of pairs of operands.

import { mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { sum } from '../ops/reduce.ts';
import { diagonal, expand, permute, reshape, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { numelOf, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A name of a dimension: a letter, or '.k' for the k-th dimension from the right under an ellipsis. */
type Label = string;
interface Term {
  tensor: Tensor;
  labels: Label[];
}
interface Equation {
  inputs: Label[][];
  output: Label[];
}

/** Letters of one term; '.' stands for the whole ellipsis. */
function lettersOf(equation: string, term: string): string[] {
  const text = term.replace('...', '.');
  const bad = text.match(/[^a-zA-Z.]/) ?? (text.split('.').length > 2 || (term.includes('.') && !term.includes('...')) ? ['.'] : null);
  if (bad !== null)
    throw new ValueError(`einsum: '${equation}': '${term}' holds '${bad[0]}'; a term is letters a-z, A-Z and at most one ellipsis '...'`);
  return [...text];
}

function parse(equation: string, operands: readonly Tensor[]): Equation {
  const text = equation.replaceAll(' ', '');
  const [left, right, ...more] = text.split('->');
  if (more.length > 0) throw new ValueError(`einsum: '${equation}' has more than one '->'`);
  const terms = left.split(',').map((t) => lettersOf(equation, t));
  if (terms.length !== operands.length)
    throw new ValueError(`einsum: '${equation}' names ${terms.length} operand(s), but ${operands.length} tensor(s) are given`);
  let dots = 0;
  const inputs = terms.map((letters, i) => {
    const t = operands[i];
    const named = letters.filter((c) => c !== '.').length;
    const hidden = t.ndim - named;
    const ellipsis = letters.includes('.');
    if (hidden < 0 || (hidden > 0 && !ellipsis))
      throw new ShapeError(
        `einsum: '${equation}': operand ${i} has shape ${show(t.shape)}, but its term '${left.split(',')[i]}' names ${named} dimension(s)`,
      );
    dots = Math.max(dots, ellipsis ? hidden : 0);
    return letters.flatMap((c) => (c === '.' ? Array.from({ length: hidden }, (_, k) => `.${hidden - 1 - k}`) : [c]));
  });
  const ellipsis = Array.from({ length: dots }, (_, k) => `.${dots - 1 - k}`);
  const seen = inputs.flat();
  if (right === undefined) {
    // letters that appear once, in the order of their codes: capitals first
    const once = [...new Set(seen.filter((c) => !c.startsWith('.')))].filter((c) => seen.indexOf(c) === seen.lastIndexOf(c)).sort();
    return { inputs, output: [...ellipsis, ...once] };
  }
  const output = lettersOf(equation, right).flatMap((c) => (c === '.' ? ellipsis : [c]));
  output.forEach((c, i) => {
    if (output.indexOf(c) !== i) throw new ValueError(`einsum: '${equation}': '${c}' stands twice in the output`);
    if (!seen.includes(c)) throw new ShapeError(`einsum: '${equation}': '${c}' of the output is in no operand`);
  });
  return { inputs, output };
}

/** Repeated labels become their diagonal. */
function withoutRepeats(equation: string, { tensor, labels }: Term): Term {
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i], i + 1);
    if (j < 0) continue;
    if (tensor.shape[i] !== tensor.shape[j])
      throw new ShapeError(
        `einsum: '${equation}': '${labels[i]}' is repeated in an operand of shape ${show(tensor.shape)}, where it means the sizes ${tensor.shape[i]} and ${tensor.shape[j]}`,
      );
    const rest = labels.filter((_, k) => k !== i && k !== j);
    return withoutRepeats(equation, { tensor: diagonal(tensor, { dim1: i, dim2: j }), labels: [...rest, labels[i]] });
  }
  return { tensor, labels };
}

/** Sums over the dimensions whose label `keep` refuses. */
function summed({ tensor, labels }: Term, keep: (label: Label) => boolean): Term {
  const dims = labels.flatMap((c, i) => (keep(c) ? [] : [i]));
  return dims.length === 0 ? { tensor, labels } : { tensor: sum(tensor, { dim: dims }), labels: labels.filter(keep) };
}

/** The tensor with its dimensions in the order of `labels`; labels that it lacks become dimensions of size 1. */
function arranged({ tensor, labels }: Term, wanted: readonly Label[]): Tensor {
  const there = wanted.filter((c) => labels.includes(c));
  const ordered = permute(
    tensor,
    there.map((c) => labels.indexOf(c)),
  );
  return wanted.reduce((t, c, i) => (labels.includes(c) ? t : unsqueeze(t, i)), ordered);
}

/** The product of two terms, summed over the labels that `keep` refuses (all of which both have, in full size). */
function contract(x: Term, y: Term, keep: (label: Label) => boolean): Term {
  const size = (t: Term, c: Label): number => (t.labels.includes(c) ? t.tensor.shape[t.labels.indexOf(c)] : 1);
  const both = x.labels.filter((c) => y.labels.includes(c));
  const inner = both.filter((c) => !keep(c) && size(x, c) === size(y, c));
  // a summed label of size 1 in one of them is a factor there: sum the other alone
  const alone = both.filter((c) => !keep(c) && !inner.includes(c));
  const [a, b] = [x, y].map((t) => summed(t, (c) => !alone.includes(c)));
  if (inner.length === 0) {
    const labels = [...a.labels, ...b.labels.filter((c) => !a.labels.includes(c))];
    return { tensor: mul(arranged(a, labels), arranged(b, labels)), labels };
  }
  const shared = both.filter(keep);
  const [onlyA, onlyB] = [a.labels.filter((c) => !both.includes(c)), b.labels.filter((c) => !both.includes(c))];
  const sizes = (t: Term, list: readonly Label[]): number[] => list.map((c) => size(t, c));
  const batch = shared.map((c) => Math.max(size(a, c), size(b, c)) * (size(a, c) === 0 || size(b, c) === 0 ? 0 : 1));
  const side = (t: Term, own: readonly Label[], last: boolean): Tensor => {
    const order = last ? [...shared, ...inner, ...own] : [...shared, ...own, ...inner];
    const [m, k] = [numelOf(sizes(t, own)), numelOf(sizes(t, inner))];
    const wide = expand(arranged(t, order), [...batch, ...sizes(t, order.slice(shared.length))]);
    return reshape(wide, [...(shared.length > 0 ? [numelOf(batch)] : []), ...(last ? [k, m] : [m, k])]);
  };
  const product = matmul(side(a, onlyA, false), side(b, onlyB, true));
  return { tensor: reshape(product, [...batch, ...sizes(a, onlyA), ...sizes(b, onlyB)]), labels: [...shared, ...onlyA, ...onlyB] };
}

/**
 * Einstein summation: einsum('bij,bjk->bik', a, b). Letters name dimensions; one that the output lacks is summed over, one repeated in a term takes the diagonal, '...' stands for the dimensions
 * without a name (broadcast). Without '->' the output is the letters that appear once, in alphabetical order. Several operands are multiplied pairwise, the smallest intermediate result first.
 */
export function einsum(equation: string, ...operands: readonly (Tensor | readonly Tensor[])[]): Tensor {
  const list = operands.flat() as Tensor[];
  if (typeof equation !== 'string')
    throw new ValueError("einsum: the first argument must be the equation, as in einsum('ij,jk->ik', a, b)");
  for (const t of list)
    if (!(t instanceof Tensor)) throw new ValueError(`einsum: operands must be tensors, got ${t === null ? 'null' : typeof t}`);
  const { inputs, output } = parse(equation, list);
  const full = new Map<Label, number>();
  let terms = list.map((tensor, i): Term => {
    const term = withoutRepeats(equation, { tensor, labels: inputs[i] });
    term.labels.forEach((c, k) => {
      const [n, old] = [term.tensor.shape[k], full.get(c)];
      if (old !== undefined && n !== old && n !== 1 && old !== 1)
        throw new ShapeError(
          `einsum: '${equation}': '${c}' has size ${old} in one operand and ${n} in operand ${i} of shape ${show(tensor.shape)}`,
        );
      if (old === undefined || old === 1) full.set(c, n);
    });
    return term;
  });
  const neededBy = (others: readonly Term[]) => (c: Label) => output.includes(c) || others.some((t) => t.labels.includes(c));
  terms = terms.map((t, i) => summed(t, neededBy(terms.filter((_, k) => k !== i))));
  while (terms.length > 1) {
    let best: [number, number] = [0, 1];
    let bestSize = Number.POSITIVE_INFINITY;
    // two operands have one order; with more, the pair whose product is smallest comes first
    for (let i = 0; i < terms.length; i++)
      for (let j = i + 1; j < terms.length; j++) {
        const keep = neededBy(terms.filter((_, k) => k !== i && k !== j));
        const labels = new Set([...terms[i].labels, ...terms[j].labels].filter(keep));
        const n = [...labels].reduce((p, c) => p * (full.get(c) as number), 1);
        if (n < bestSize) [best, bestSize] = [[i, j], n];
      }
    const rest = terms.filter((_, k) => k !== best[0] && k !== best[1]);
    terms = [contract(terms[best[0]], terms[best[1]], neededBy(rest)), ...rest];
  }
  return arranged(terms[0], output);
}
