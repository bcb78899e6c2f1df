import type { Dataflow, Operation, Value } from "../../graph/dataflow.js";

/** Where a constant is used: an operation, and which of its inputs the constant or what is computed from it enters. */
export interface Meeting {
  readonly operation: Operation;
  readonly input: number;
  /** The operation's place in the dataflow. */
  readonly order: number;
}

/**
 * For every value that is computed from constants alone: the first operation in which it, or what is computed from it,
 * meets data. Values that never do have none.
 */
export function firstMeetings(
  { operations }: Dataflow,
  readsData: (operation: Operation) => boolean,
): ReadonlyMap<Value, Meeting> {
  const meetings = new Map<Value, Meeting>();
  const note = (value: Value | undefined, meeting: Meeting | undefined) => {
    if (value === undefined || meeting === undefined) return;
    const known = meetings.get(value);
    if (known === undefined || meeting.order < known.order) meetings.set(value, meeting);
  };
  for (let order = operations.length - 1; order >= 0; order--) {
    const operation = operations[order];
    if (operation === undefined) continue;
    if (readsData(operation)) {
      for (const [input, value] of operation.inputs.entries()) note(value, { operation, input, order });
    } else {
      for (const output of operation.outputs) {
        const meeting = output === undefined ? undefined : meetings.get(output);
        for (const value of operation.inputs) note(value, meeting);
      }
    }
  }
  return meetings;
}
