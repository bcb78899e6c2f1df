import { realpathSync } from "node:fs";
import { resolve } from "node:path";

/** Whether two paths lead to one file, links followed; also where there is no such file yet. */
export function isSameFile(a: string, b: string): boolean {
  return real(a) === real(b);
}

function real(path: string): string {
  try {
    // The native one also knows where upper and lower case are the same.
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}
