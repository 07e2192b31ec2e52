import { describe, expect, test } from "vitest";
import { linkAttribute, parseLinks } from "../../src/media/index.js";
import { PlugtestBench } from "./plugtest-bench.js";

describe("ETSI plug tests: link", () => {
  /** The targets that `/.well-known/core` lists for a query; the request and its answer as described. */
  async function discover(bench: PlugtestBench, query = ""): Promise<string[]> {
    const answer = bench.ask(`/.well-known/core${query && `?${query}`}`, { blockSizeBytes: 1_024 });
    await bench.steps(`> CON $cmid GET #$ctok /.well-known/core${query && ` ?${query}`} 2:0/0/1024`);
    await bench.steps("< ACK $cmid 2.05 #$ctok *");
    const response = await answer;
    expect(response.contentFormat).toBe(40);
    return parseLinks(response.text()).map(({ target }) => target);
  }

  test("TD_COAP_LINK_01: the well-known interface", async () => {
    const targets = await discover(new PlugtestBench());
    expect(targets).toEqual(expect.arrayContaining(["/test", "/separate", "/large", "/obs", "/link1", "/path"]));
  });

  test.each<[number: string, query: string, targets: string[]]>([
    ["02: filtered requests", "rt=Type1", ["/test", "/link1", "/link3"]],
    [
      "03: empty prefix value strings",
      "rt=*",
      [
        "/test",
        "/large",
        "/large-update",
        "/link1",
        "/link2",
        "/link3",
        "/link4",
        "/obs",
        "/obs-non",
        "/obs-large",
        "/obs-pumping",
      ],
    ],
    ["04: multiple rt attributes", "rt=Type2", ["/test", "/link1", "/link2"]],
    ["05: if attribute and prefix value strings", "if=If*", ["/test", "/link1", "/link2"]],
    ["06: sz attribute", "sz=*", ["/large", "/large-update"]],
    ["07: href attribute, complete value", "href=/link1", ["/link1"]],
    ["08: href attribute, prefix", "href=/link*", ["/link1", "/link2", "/link3", "/link4"]],
  ])("TD_COAP_LINK_%s", async (_, query, targets) => {
    expect(await discover(new PlugtestBench(), query)).toEqual(targets);
  });

  test("TD_COAP_LINK_09: link descriptions arranged in a hierarchy", async () => {
    const bench = new PlugtestBench();
    const targets = await discover(bench, "href=/path*");
    expect(targets).toEqual(["/path"]);
    const index = bench.ask("/path");
    await bench.steps("> CON $m1 GET #$t1 /path", "< ACK $m1 2.05 #$t1 cf=40 *");
    const parts = parseLinks((await index).text());
    expect(parts.map(({ target }) => target)).toEqual(["/path/sub1", "/path/sub2", "/path/sub3"]);
    expect(parts.every((part) => linkAttribute(part, "ct") === undefined)).toBe(true);
    const part = bench.ask("/path/sub1");
    await bench.steps("> CON $m2 GET #$t2 /path/sub1", '< ACK $m2 2.05 #$t2 cf=0 "GET /path/sub1"');
    expect((await part).ok).toBe(true);
  });

  test("TD_COAP_LINK_10: an alternate link", async () => {
    const bench = new PlugtestBench();
    const listing = bench.ask("/.well-known/core?rel=alternate");
    await bench.steps(
      "> CON $m1 GET #$t1 /.well-known/core ?rel=alternate",
      '< ACK $m1 2.05 #$t1 cf=40 "</alternate>;anchor="/test";rel="alternate""',
    );
    const [alternate] = parseLinks((await listing).text());
    expect(linkAttribute(alternate ?? { target: "", attributes: [] }, "anchor")).toBe("/test");
    const answer = bench.ask(alternate?.target ?? "");
    await bench.steps(
      "> CON $m2 GET #$t2 /alternate", //
      '< ACK $m2 2.05 #$t2 cf=0 "the default resource of the plug tests"',
    );
    expect((await answer).ok).toBe(true);
  });
});
