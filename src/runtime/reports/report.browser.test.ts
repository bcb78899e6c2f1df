import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../graph/testing/files.js";
import { report } from "./report.js";
import { comparison, reportInput } from "./testing/reports.js";

const browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

/** The page as it is once its script has run, and what the browser had to say. */
function opened(page: string): { readonly dom: string; readonly console: readonly string[] } {
  const folder = temporaryFolder();
  const file = join(folder, "report.html");
  writeFileSync(file, page);
  const options = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    `--user-data-dir=${folder}/profile`,
    "--enable-logging=stderr",
  ];
  const parameters = [...options, "--virtual-time-budget=2000", "--dump-dom", pathToFileURL(file).href];
  const { stdout, stderr } = spawnSync(browser ?? "", parameters, { encoding: "utf8", maxBuffer: 2 ** 28 });
  return { dom: stdout, console: stderr.split("\n").filter((line) => line.includes(":CONSOLE")) };
}

describe.skipIf(browser === undefined)("a report in a browser", () => {
  it.each([0, 1, 20])("draws its charts without errors after %i epochs", (epochs) => {
    const { dom, console } = opened(report(reportInput("resnet20.torchscript", epochs, { comparison })));
    expect(console).toEqual([]);
    // Loss, two metrics, the learning rate, and the comparison.
    expect(dom.match(/<canvas/g)).toHaveLength(epochs === 0 ? 1 : 5);
    expect(dom).toContain('id="scales"');
  });
});
