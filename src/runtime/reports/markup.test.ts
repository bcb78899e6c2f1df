import { describe, expect, it } from "vitest";
import { html, inlineScript, jsonScript } from "./markup.js";

describe("a template", () => {
  it("escapes text, in elements and in attributes, but not markup", () => {
    const hostile = `"><script>alert('&')</script>`;
    const inner = html`<b>${hostile}</b>`;
    expect(html`<a title="${hostile}">${[inner, 1, undefined]}</a>`.toString()).toBe(
      '<a title="&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"><b>&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</b>1</a>',
    );
  });
});

describe("a script element", () => {
  it("of JSON cannot be ended by what it holds", () => {
    const value = { name: "</script><!--<script>", number: 1.5, nothing: Number.NaN };
    const markup = jsonScript("data", value).toString();
    expect(markup.match(/</g)).toHaveLength(2);
    const json = markup.slice(markup.indexOf(">") + 1, markup.lastIndexOf("<"));
    expect(JSON.parse(json)).toEqual({ ...value, nothing: null });
  });

  it("of code keeps to itself", () => {
    expect(
      inlineScript("module", 'const end = "</SCRIPT>";')
        .toString()
        .match(/<\/script>/gi),
    ).toHaveLength(1);
  });
});
