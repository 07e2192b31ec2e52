import { createContext, Script } from "node:vm";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** What a page does: register, seal, open, with nothing but the platform. */
const PAGE = `
import { Authority, builtInSuites, createIdentity, createSuiteRegistry, Membership, nobleCrypto, Opener, Sealer, secureRandomBytes } from "./index.js";

globalThis.run = async () => {
  const suites = createSuiteRegistry(builtInSuites());
  const now = 1_800_000_000;
  const options = { suites, crypto: nobleCrypto, random: secureRandomBytes, now: () => now };
  const authority = await Authority.setup("page", ["psk", "hpke", "kp-abe"], options);
  const join = async (name, grant) => {
    const joining = await Membership.request(authority.invite(name, grant), createIdentity(secureRandomBytes), options);
    return joining.complete(await authority.answer(joining.request));
  };
  const reader = await join("reader", { subscribe: ["a/#"] });
  const writer = await join("writer", { publish: ["a/#"] });
  const opened = [];
  for (const name of ["psk", "hpke", "kp-abe"]) {
    const sealer = new Sealer({
      suite: suites.get(name),
      publisher: () => writer.publisher(name),
      certificate: () => ({ certificate: writer.certificate, bytes: writer.certificateBytes }),
      signingSecret: writer.identity.signingSecret,
      crypto: nobleCrypto,
      random: secureRandomBytes,
      countersign: true,
    });
    const opener = new Opener({ suites, reader: (suite) => reader.reader(suite), authorityKey: reader.authorityKey, revoked: () => [], crypto: nobleCrypto });
    const key = await sealer.obtain("a/b", undefined, now);
    await opener.addWrap(key.wrapMessage, now);
    const { payload } = opener.open("a/b", key.seal("a/b", new TextEncoder().encode(name)), false, now);
    opened.push(new TextDecoder().decode(payload));
  }
  return opened.join();
};`;

describe("in a browser", { timeout: 60_000 }, () => {
  it("the package bundles without a node: module, and seals and opens with web globals alone", async () => {
    const source = new URL("../src/", import.meta.url).pathname;
    const { outputFiles, metafile } = await build({
      stdin: { contents: PAGE, resolveDir: source, loader: "ts" },
      bundle: true,
      write: false,
      metafile: true,
      platform: "browser",
      format: "iife",
      conditions: ["isthmus-source"],
    });
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((file) => file.includes("node:") || file.includes("mcl"))).toEqual([]);

    const context = createContext({ crypto, TextEncoder, TextDecoder, setTimeout, clearTimeout, performance });
    new Script(outputFiles[0]?.text ?? "").runInContext(context);
    const run = context["run"] as () => Promise<string>; // the page defines it
    expect(await run()).toBe("psk,hpke,kp-abe");
  });
});
