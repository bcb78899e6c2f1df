/** So many of something; a list of any length where the number is not known to the compiler. */
export type Tuple<T, Count extends number, Built extends readonly T[] = readonly []> = number extends Count
  ? readonly T[]
  : Built["length"] extends Count
    ? Built
    : Tuple<T, Count, readonly [...Built, T]>;

/** One of something for each item of a list. */
export type ForEach<List extends readonly unknown[], T> = { readonly [Index in keyof List]: T };

/** A list as a tuple. @throws where it has another length: what the types promised did not hold */
export function tuple<T, const Count extends number>(list: readonly T[], count: Count): Tuple<T, Count> {
  if (!isTuple(list, count)) throw new Error(`${list.length} values instead of ${count}`);
  return list;
}

/** A list as a tuple as long as another one. @throws where it has another length */
export function tupleLike<T, List extends readonly unknown[]>(list: readonly T[], like: List): ForEach<List, T> {
  if (!isLike(list, like)) throw new Error(`${list.length} values instead of ${like.length}`);
  return list;
}

/** A list cut into parts of these lengths. @throws where that is not all of it */
export function partition<T, const Counts extends readonly number[]>(
  list: readonly T[],
  counts: Counts,
): ForEach<Counts, readonly T[]> {
  let start = 0;
  const parts = counts.map((count) => list.slice(start, (start += count)));
  if (start !== list.length) throw new Error(`${list.length} values instead of ${start}`);
  return tupleLike(parts, counts);
}

function isTuple<T, Count extends number>(list: readonly T[], count: Count): list is readonly T[] & Tuple<T, Count> {
  return list.length === count;
}

function isLike<T, List extends readonly unknown[]>(
  list: readonly T[],
  like: List,
): list is readonly T[] & ForEach<List, T> {
  return list.length === like.length;
}
