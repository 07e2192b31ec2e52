import { describe, expect, it } from "vitest";
import { isAbsoluteUri, resolveUriReference } from "../../src/media/uri-reference.js";

/** RFC 3986 5.4, for the base http://a/b/c/d;p?q. */
const examples: readonly (readonly [reference: string, target: string])[] = [
  ["g:h", "g:h"],
  ["g", "http://a/b/c/g"],
  ["./g", "http://a/b/c/g"],
  ["g/", "http://a/b/c/g/"],
  ["/g", "http://a/g"],
  ["//g", "http://g"],
  ["?y", "http://a/b/c/d;p?y"],
  ["g?y", "http://a/b/c/g?y"],
  ["#s", "http://a/b/c/d;p?q#s"],
  ["g#s", "http://a/b/c/g#s"],
  ["g?y#s", "http://a/b/c/g?y#s"],
  [";x", "http://a/b/c/;x"],
  ["g;x", "http://a/b/c/g;x"],
  ["g;x?y#s", "http://a/b/c/g;x?y#s"],
  ["", "http://a/b/c/d;p?q"],
  [".", "http://a/b/c/"],
  ["./", "http://a/b/c/"],
  ["..", "http://a/b/"],
  ["../", "http://a/b/"],
  ["../g", "http://a/b/g"],
  ["../..", "http://a/"],
  ["../../", "http://a/"],
  ["../../g", "http://a/g"],
  ["../../../g", "http://a/g"],
  ["../../../../g", "http://a/g"],
  ["/./g", "http://a/g"],
  ["/../g", "http://a/g"],
  ["g.", "http://a/b/c/g."],
  [".g", "http://a/b/c/.g"],
  ["g..", "http://a/b/c/g.."],
  ["..g", "http://a/b/c/..g"],
  ["./../g", "http://a/b/g"],
  ["./g/.", "http://a/b/c/g/"],
  ["g/./h", "http://a/b/c/g/h"],
  ["g/../h", "http://a/b/c/h"],
  ["g;x=1/./y", "http://a/b/c/g;x=1/y"],
  ["g;x=1/../y", "http://a/b/c/y"],
  ["g?y/./x", "http://a/b/c/g?y/./x"],
  ["g#s/../x", "http://a/b/c/g#s/../x"],
  ["http:g", "http:g"],
];

describe("URI references", () => {
  it.each(examples)("RFC 3986 5.4: %s is %s", (reference, target) => {
    expect(resolveUriReference("http://a/b/c/d;p?q", reference)).toBe(target);
  });

  it("resolves against a base without a path, as registrations have", () => {
    expect(resolveUriReference("coap://[2001:db8:3::123]:61616", "/temp")).toBe("coap://[2001:db8:3::123]:61616/temp");
    expect(resolveUriReference("coap://sensor1.example.com", "t")).toBe("coap://sensor1.example.com/t");
    expect(resolveUriReference("coap://sensor1.example.com", "")).toBe("coap://sensor1.example.com");
  });

  it("refuses a base that is relative", () => {
    expect(() => resolveUriReference("/a", "b")).toThrow(TypeError);
    expect(isAbsoluteUri("coap://a")).toBe(true);
    expect(isAbsoluteUri("//a/b:c")).toBe(false);
  });
});
