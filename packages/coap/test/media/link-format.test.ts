import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { filterLinks, parseLinkCriterion } from "../../src/media/link-filter.js";
import {
  formatLinks,
  type Link,
  link,
  linkAttribute,
  LinkFormatError,
  parseLinks,
} from "../../src/media/link-format.js";

/** The documents of RFC 6690 5, as links and as we write them. */
const documents: readonly { readonly text: string; readonly links: readonly Link[] }[] = [
  { text: "", links: [] },
  {
    text: '</sensors/temp>;if="sensor",</sensors/light>;if="sensor"',
    links: [link("/sensors/temp", { if: "sensor" }), link("/sensors/light", { if: "sensor" })],
  },
  { text: '</sensors>;ct=40;title="Sensor Index"', links: [link("/sensors", { ct: 40, title: "Sensor Index" })] },
  {
    text: '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby"',
    links: [link("http://www.example.com/sensors/t123", { anchor: "/sensors/temp", rel: "describedby" })],
  },
  { text: '</firmware/v2.1>;rt="firmware";sz=262144', links: [link("/firmware/v2.1", { rt: "firmware", sz: 262144 })] },
  { text: '</a>;rt="light-lux core.sen-light";ct="0 50";obs', links: [listed()] },
  { text: String.raw`</q>;title="say \"\\\" twice"`, links: [link("/q", { title: String.raw`say "\" twice` })] },
  { text: '</n>;title="42"', links: [link("/n", { title: "42" })] },
  { text: "</t>;title*=UTF-8''%c3%a4", links: [link("/t", { "title*": "UTF-8''%c3%a4" })] },
];

function listed(): Link {
  return link("/a", { rt: ["light-lux", "core.sen-light"], ct: [0, 50], obs: true, hidden: false, sz: undefined });
}

/** Ways to write a document that differ from ours, or are none. */
const spellings: readonly { readonly text: string; readonly expected: readonly Link[] | RegExp }[] = [
  { text: "</a>;rt=sensor;ct=40", expected: [link("/a", { rt: "sensor", ct: "40" })] },
  { text: ' </a> ; rt = "x" ,\r\n  </b>;obs ', expected: [link("/a", { rt: "x" }), link("/b", { obs: true })] },
  { text: "</a>;RT=x", expected: [link("/a", { rt: "x" })] },
  { text: '</a>;rt="one";rt="two";hreflang=de;hreflang=en', expected: [withHreflangs()] },
  { text: '</a>;title=""', expected: [link("/a", { title: "" })] },
  { text: "<>", expected: [link("")] },
  { text: '</a>;title="a,b;c<d>"', expected: [link("/a", { title: "a,b;c<d>" })] },
  { text: "/a", expected: /expected "<" at 0/ },
  { text: "</a", expected: /expected ">" at 3/ },
  { text: "</a>,", expected: /expected "<" at 5/ },
  { text: "</a></b>", expected: /expected "," at 4/ },
  { text: "</a>;", expected: /name of an attribute is missing at 5/ },
  { text: "</a>;rt=", expected: /value of "rt" is missing at 8/ },
  { text: '</a>;rt="x', expected: /quoted value does not end at 10/ },
  { text: String.raw`</a>;rt="x\"`, expected: /quoted value does not end/ },
];

function withHreflangs(): Link {
  return { target: "/a", attributes: [["rt", "one"], ["hreflang", "de"], ["hreflang", "en"]] }; // prettier-ignore
}

describe("CoRE Link Format (RFC 6690 2)", () => {
  it.each(documents)("writes and reads $text", ({ text, links }) => {
    expect(formatLinks(links)).toBe(text);
    expect(parseLinks(text)).toEqual(links);
  });

  it.each(spellings)("reads $text", ({ text, expected }) => {
    if (expected instanceof RegExp) expect(() => parseLinks(text)).toThrow(expected);
    else expect(parseLinks(text)).toEqual(expected);
  });

  it("refuses to write what would read otherwise", () => {
    expect(() => formatLinks([link("/a>b")])).toThrow(TypeError);
    expect(() => formatLinks([link("/a", { "no token": 1 })])).toThrow(TypeError);
  });

  it("writes a value that is of no other form in quotes: it makes no links of its own", () => {
    const forged = parseLinks('</a>;title*="x,<coap://evil/>,<"');
    expect(forged).toEqual([link("/a", { "title*": "x,<coap://evil/>,<" })]);
    expect(formatLinks(forged)).toBe('</a>;title*="x,<coap://evil/>,<"');
    // RFC 8187 3.2.1: the percent sign stands before two digits, and after the second apostrophe all is encoded.
    expect(formatLinks([link("/a", { "title*": "UTF-8'de'%c3" }), link("/b", { "title*": "UTF-8'de'%c" })])).toBe(
      "</a>;title*=UTF-8'de'%c3,</b>;title*=\"UTF-8'de'%c\"",
    );
  });

  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}\*?$/);
  const attributes = fc.uniqueArray(fc.tuple(name, fc.option(fc.string({ unit: "grapheme" }), { nil: undefined })), {
    selector: ([key]) => key,
  });
  const links = fc.array(fc.record({ target: fc.webPath(), attributes }));

  it("gives back the links that it wrote, whatever their values", () => {
    fc.assert(
      fc.property(links, (items) => {
        expect(parseLinks(formatLinks(items))).toEqual(items);
      }),
    );
  });

  it("reads any damaged document as links or a typed error", () => {
    fc.assert(
      fc.property(links, fc.nat(), fc.string({ maxLength: 3 }), (items, at, junk) => {
        const text = formatLinks(items);
        const damaged = text.slice(0, at % (text.length + 1)) + junk + text.slice((at % (text.length + 1)) + 1);
        try {
          parseLinks(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(LinkFormatError);
        }
      }),
    );
  });
});

describe("filter queries (RFC 6690 4.1)", () => {
  const items = parseLinks(
    '</a>;rt="type1 type2";if="if1";ct=40,</b>;rt="type2 type3";if="if2";sz=5,</c>;rt="";ct="0 41",</link1>,</link2>;obs',
  );
  const cases: readonly (readonly [query: string, targets: readonly string[]])[] = [
    ["rt=type2", ["/a", "/b"]],
    ["rt=type", []],
    ["rt=type*", ["/a", "/b"]],
    ["rt=*", ["/a", "/b", "/c"]],
    ["rt=", ["/c"]],
    ["if=if*", ["/a", "/b"]],
    ["sz=*", ["/b"]],
    ["ct=41", ["/c"]],
    ["href=/link1", ["/link1"]],
    ["href=/link*", ["/link1", "/link2"]],
    ["obs", ["/link2"]],
    ["nothing=*", []],
  ];

  it.each(cases)("%s", (query, targets) => {
    expect(filterLinks(items, [parseLinkCriterion(query)]).map(({ target }) => target)).toEqual(targets);
  });

  it("asks for all of several criteria", () => {
    const criteria = ["rt=type2", "if=if1"].map(parseLinkCriterion);
    expect(filterLinks(items, criteria).map(({ target }) => target)).toEqual(["/a"]);
  });

  it("tells an attribute without a value from one that is absent", () => {
    expect(linkAttribute(link("/a", { obs: true }), "obs")).toBe("");
    expect(linkAttribute(link("/a"), "obs")).toBeUndefined();
  });
});
