import { InputError } from "../../graph/errors.js";
import { schedules } from "./index.js";
import { knownOptions, optionNamed, refuseUnfit, unknownOption, withOption } from "./options.js";
import type { ScheduleHead, ScheduleName, ScheduleOptions, ScheduleSpecification } from "./schedule.js";

/**
 * A schedule from the text that the command line takes: its name and, after a colon, options between commas, as in
 * `cosine`, `step:epochs=10,factor=0.5`, `plateau:factor=0.25,patience=8`, `one-cycle:peak=0.01`,
 * `cosine:warmup-epochs=2`.
 * @throws InputError for what there is not, saying what there is
 */
export function parseSchedule(text: string): ScheduleSpecification {
  const colon = text.indexOf(":");
  const [name, head] = scheduleNamed((colon < 0 ? text : text.slice(0, colon)).trim());
  const assignments = colon < 0 ? [] : text.slice(colon + 1).split(",");
  const specification = { name, ...optionsOf(name, head, assignments) };
  refuseUnfit(specification, head);
  return specification;
}

function scheduleNamed(text: string): readonly [ScheduleName, ScheduleHead] {
  const found = [...schedules].find(([name]) => name === text);
  if (found !== undefined) return found;
  throw new InputError(`--schedule ${text}`, `is none of ${[...schedules.keys()].join(", ")}`);
}

function optionsOf(name: ScheduleName, head: ScheduleHead, assignments: readonly string[]): ScheduleOptions {
  let options: ScheduleOptions = {};
  for (const assignment of assignments) {
    const equals = assignment.indexOf("=");
    if (equals < 0) {
      throw new InputError(
        `--schedule ${name}`,
        `has "${assignment}" where option=value was expected`,
        "as in step:epochs=10,factor=0.5",
      );
    }
    const [key, value] = [assignment.slice(0, equals).trim(), assignment.slice(equals + 1).trim()];
    const option = optionNamed(key);
    if (option === undefined || !knownOptions(head).includes(option)) throw unknownOption(name, key, head);
    if (options[option] !== undefined) throw new InputError(`--schedule ${name}`, `has ${key} twice`);
    options = withOption(name, options, option, value);
  }
  return options;
}
