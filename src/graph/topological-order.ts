import { InputError } from "./errors.js";
import { describeNode, type Node } from "./model.js";

/**
 * Items after all that they depend on; an order that is valid already stays as it is.
 * @param onCycle gets items of which each depends on the next, and the last on the first
 */
export function topologicalOrder<T>(
  items: readonly T[],
  dependencies: (item: T) => readonly T[],
  onCycle: (cycle: readonly T[]) => never,
): readonly T[] {
  const order: T[] = [];
  const state = new Map<T, "open" | "done">();
  // Depth-first, with a stack of our own as graphs can be deeper than the call stack.
  const stack: { readonly item: T; readonly waiting: Iterator<T> }[] = [];
  const open = (item: T): void => {
    state.set(item, "open");
    stack.push({ item, waiting: dependencies(item).values() });
  };
  for (const start of items) {
    if (!state.has(start)) open(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.waiting.next();
      if (next.done === true) {
        state.set(top.item, "done");
        order.push(top.item);
        stack.pop();
      } else if (!state.has(next.value)) {
        open(next.value);
      } else if (state.get(next.value) === "open") {
        const from = stack.findIndex(({ item }) => item === next.value);
        onCycle(stack.slice(from).map(({ item }) => item));
      }
    }
  }
  return order;
}

/** What to say of nodes that form a cycle. @param where the graph or file that they are in */
export function cycleError(where: string, cycle: readonly Node[]): InputError {
  const names = cycle.slice(0, 4).map(describeNode).join(" <- ");
  const more = cycle.length > 4 ? ` and ${cycle.length - 4} more` : "";
  return new InputError(where, `its nodes form a cycle: ${names}${more}`, "an ONNX graph must have none");
}
