/** Text that is HTML (or SVG) already. */
export class Markup {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What may stand in a template: text, which is escaped; markup, which is not; and several of them. */
export type Content = string | number | Markup | undefined | readonly Content[];

/** A template of HTML in which everything that is not markup is escaped, for elements and quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(strings.reduce((text, part, index) => text + rendered(contents[index - 1]) + part));
}

function rendered(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Markup) return content.toString();
  if (typeof content === "object") return content.map(rendered).join("");
  return escaped(String(content));
}

const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities.get(character) ?? character);
}

/** JSON in a script element: it cannot end the element or begin a comment in it. NaN and infinities become null. */
export function jsonScript(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return new Markup(`<script type="application/json" id="${escaped(id)}">${json}</script>`);
}

/** JavaScript in a script element. */
export function inlineScript(type: "module" | "text/javascript", code: string): Markup {
  return new Markup(`<script type="${type}">${code.replaceAll(/<\/script/gi, "<\\/script")}</script>`);
}
