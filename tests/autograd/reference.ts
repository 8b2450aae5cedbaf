// A plain model of tensors for the tests: explicit lists of places in a store, no strides. A place holds a value and its derivative in one
// direction, so that the model also predicts what backward must give.

export interface Store {
  readonly value: number[];
  readonly dot: number[];
}

/** All indices of a shape in row-major order. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const n = shape.reduce((a, b) => a * b, 1);
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < n; i++) {
    yield [...at];
    for (let d = shape.length - 1; d >= 0; d--) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
}
export const flat = (shape: readonly number[], index: readonly number[]): number => index.reduce((p, k, d) => p * shape[d] + k, 0);
export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function broadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const n = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[a.length - n + i] ?? 1, b[b.length - n + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return null;
    out.push(x === 1 ? y : x);
  }
  return out;
}

/** A tensor of the model: its shape, and for each element in row-major order a place in the store. */
export class Model {
  readonly shape: readonly number[];
  readonly places: readonly number[];
  readonly store: Store;

  constructor(shape: readonly number[], places: readonly number[], store: Store) {
    this.shape = shape;
    this.places = places;
    this.store = store;
  }

  static of(shape: readonly number[], values: readonly number[], dots: readonly number[] = values.map(() => 0)): Model {
    return new Model(
      shape,
      values.map((_, i) => i),
      { value: [...values], dot: [...dots] },
    );
  }

  get values(): number[] {
    return this.places.map((p) => this.store.value[p]);
  }
  get dots(): number[] {
    return this.places.map((p) => this.store.dot[p]);
  }
  get ndim(): number {
    return this.shape.length;
  }
  /** Several elements lie in one place. */
  get overlaps(): boolean {
    return new Set(this.places).size < this.places.length;
  }

  /** A view: element `index` of the new shape is element `from(index)` of this one. */
  view(shape: readonly number[], from: (index: number[]) => number[]): Model {
    return new Model(
      shape,
      [...indices(shape)].map((i) => this.places[flat(this.shape, from(i))]),
      this.store,
    );
  }
  copy(): Model {
    return Model.of(this.shape, this.values, this.dots);
  }

  /** The places fit a constant distance along every dimension, so that no copy is needed to see them so. */
  #affine(shape: readonly number[]): boolean {
    if (this.places.length === 0) return true;
    const step = shape.map((n, d) => {
      if (n < 2) return 0;
      const one = shape.map((_, k) => (k === d ? 1 : 0));
      return this.places[flat(shape, one)] - this.places[0];
    });
    let i = 0;
    for (const index of indices(shape)) {
      if (this.places[i++] !== this.places[0] + index.reduce((p, k, d) => p + k * step[d], 0)) return false;
    }
    return true;
  }
  reshape(shape: readonly number[]): Model {
    return this.#affine(shape) ? new Model(shape, this.places, this.store) : Model.of(shape, this.values, this.dots);
  }
  /** Itself when its places follow one another. */
  contiguous(): Model {
    return this.places.every((p, i) => p === this.places[0] + i) ? this : this.copy();
  }
  expand(shape: readonly number[]): Model {
    const lead = shape.length - this.ndim;
    return this.view(shape, (i) => i.slice(lead).map((k, d) => (this.shape[d] === 1 ? 0 : k)));
  }

  /** A new tensor computed element by element from this one and another, which broadcast. */
  with(other: Model, fn: (x: number, y: number) => number, dot: (x: number, dx: number, y: number, dy: number) => number): Model {
    const shape = broadcast(this.shape, other.shape) as number[];
    const [a, b] = [this.expand(shape), other.expand(shape)];
    const [x, dx, y, dy] = [a.values, a.dots, b.values, b.dots];
    return Model.of(
      shape,
      x.map((v, i) => fn(v, y[i])),
      x.map((v, i) => dot(v, dx[i], y[i], dy[i])),
    );
  }
  /** Puts the elements of `from` (of the same shape, read first) into the places of this one. */
  write(from: Model): void {
    const [v, d] = [from.values, from.dots];
    this.places.forEach((p, i) => {
      this.store.value[p] = v[i];
      this.store.dot[p] = d[i];
    });
  }
  /** Reduces along a dimension: `fn` gets the values and derivatives of a row. */
  reduce(d: number, fn: (values: number[], dots: number[]) => [number, number]): Model {
    const shape = this.shape.filter((_, k) => k !== d);
    const results = [...indices(shape)].map((i) => {
      const row = Array.from({ length: this.shape[d] }, (_, k) => this.places[flat(this.shape, [...i.slice(0, d), k, ...i.slice(d)])]);
      return fn(
        row.map((p) => this.store.value[p]),
        row.map((p) => this.store.dot[p]),
      );
    });
    return Model.of(
      shape,
      results.map((r) => r[0]),
      results.map((r) => r[1]),
    );
  }
}
