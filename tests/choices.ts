// What tests of random programs draw from.

/** Choices of a program, drawn from its list of numbers. */
export class Choices {
  readonly #list: readonly number[];
  #at = 0;
  constructor(list: readonly number[]) {
    this.#list = list;
  }
  get done(): boolean {
    return this.#at >= this.#list.length;
  }
  below(n: number): number {
    return n <= 0 ? 0 : (this.#list[this.#at++] ?? 0) % n;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
