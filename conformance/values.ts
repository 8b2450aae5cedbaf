// Values of the cases that JavaScript cannot tell apart by itself: a float with a whole value, an index part, a complex pair.

/** A Python float written as {"f": ...}: "2.0" is a float, where the JSON number 2 is an int. */
export class PyFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** The index of Tensor.__getitem__ and Tensor.__setitem__, its entries decoded. */
export class IndexValue {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

export class SliceValue {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;
  constructor(start: number | null, stop: number | null, step: number | null) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

export const ELLIPSIS = Symbol('ellipsis');

/** A distribution {"dist": name, "kwargs": {...}} with decoded parameters. */
export class DistributionValue {
  readonly name: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  constructor(name: string, kwargs: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.kwargs = kwargs;
  }
}

/** A module given as an argument of a container. */
export class ModuleValue {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  constructor(name: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.args = args;
    this.kwargs = kwargs;
  }
}
