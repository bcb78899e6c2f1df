import { html, type Markup } from "./markup.js";

/** The settings of a run by name. */
export function settingsSection(settings: Readonly<Record<string, unknown>>): Markup | undefined {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return undefined;
  return html`<section aria-labelledby="settings-title">
    <div class="head"><h2 id="settings-title">Settings</h2></div>
    <dl class="settings">
      ${entries.map(
        ([name, value]) =>
          html`<div>
            <dt>${inWords(name)}</dt>
            <dd>${settingText(value)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

/** Names of options in programs, such as batchSize. */
function inWords(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function settingText(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map(settingText).join(", ");
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value) ?? "–";
  // What has a name is called by it: "cosine, warmup 100".
  return Object.entries(value)
    .map(([name, part]) => (name === "name" ? settingText(part) : `${inWords(name)} ${settingText(part)}`))
    .join(", ");
}
