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
            <dt>${name}</dt>
            <dd>${settingText(value)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

function settingText(value: unknown): string {
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map((item) => plainText(item)).join(", ");
  return plainText(value);
}

function plainText(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "–");
}
