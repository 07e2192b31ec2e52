import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Code, formatCode, Option, type OptionEntry, Options } from "../../src/codec/index.js";
import type { Address, Endpoint, IncomingResponse, Request } from "../../src/endpoint/index.js";
import { bindUdp, connectTcp, type ConnectionTransport, type UdpTransport } from "../../src/transport-node.js";
import { body } from "../endpoint/notation.js";
import { CoapServer, hasLibcoap } from "./libcoap.js";

interface Asker {
  readonly endpoint: Endpoint;
  now(): number;
}

async function ask(asker: Asker, to: Address, request: Request): Promise<IncomingResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingResponse>();
  asker.endpoint.request(asker.now(), to, request, {
    handleResponse: (_now, response) => resolve(response),
    handleEnd: (_now, failure) => reject(failure ?? new Error("no response")),
  });
  return await promise;
}

const at = (path: string, ...more: OptionEntry[]): Options =>
  Options.of(
    ...path
      .split("/")
      .filter(Boolean)
      .map((segment) => [Option.URI_PATH, segment] as const),
    ...more,
  );
const text = ({ payload }: IncomingResponse): string => new TextDecoder().decode(payload);

describe.skipIf(!hasLibcoap)("this client asks libcoap's server", () => {
  const opened: (() => Promise<void>)[] = [];
  let server: CoapServer;
  let lossy: CoapServer;
  let udp: UdpTransport;
  let tcp: ConnectionTransport;
  const to = (): Address => ({ address: "127.0.0.1", port: server.port });

  beforeAll(async () => {
    server = await CoapServer.start("-d", "100");
    opened.push(() => server.stop());
    lossy = await CoapServer.start("-d", "100", "-l", "30%");
    opened.push(() => lossy.stop());
    udp = await bindUdp();
    opened.push(() => udp.close());
    tcp = await connectTcp({ host: "127.0.0.1", port: server.port });
    opened.push(() => tcp.close());
  });

  afterAll(async () => {
    for (const close of opened.toReversed()) await close();
  });

  test("with GET, PUT, POST and DELETE", async () => {
    expect(text(await ask(udp, to(), { code: Code.GET, options: at("/") }))).toContain("libcoap");
    const create = { code: Code.PUT, options: at("/made", [Option.CONTENT_FORMAT, 0]), payload: body(5) };
    expect(formatCode((await ask(udp, to(), create)).code)).toBe("2.01");
    expect((await ask(udp, to(), { code: Code.GET, options: at("/made") })).payload).toEqual(body(5));
    expect(formatCode((await ask(udp, to(), { code: Code.DELETE, options: at("/made") })).code)).toBe("2.02");
    expect(formatCode((await ask(udp, to(), { code: Code.GET, options: at("/made") })).code)).toBe("4.04");
  });

  test("Non-confirmably, and for a separate response", async () => {
    expect(text(await ask(udp, to(), { code: Code.GET, options: at("/time"), isConfirmable: false }))).not.toBe("");
    expect(text(await ask(udp, to(), { code: Code.GET, options: at("/async", [Option.URI_QUERY, "1"]) }))).toBe("done");
  });

  test.each([16, 32, 64, 128, 256, 512, 1024])("in blocks of %i bytes both ways", async (blockSizeBytes) => {
    const length = blockSizeBytes * 5 + 7;
    const options = at("/example_data", [Option.CONTENT_FORMAT, 0]);
    const put = { code: Code.PUT, options, payload: body(length), blockSizeBytes };
    expect(formatCode((await ask(udp, to(), put)).code)).toMatch(/2\.0[14]/);
    const szx = Math.log2(blockSizeBytes) - 4;
    const get = { code: Code.GET, options: at("/example_data", [Option.BLOCK2, szx]) };
    expect((await ask(udp, to(), get)).payload).toEqual(body(length));
  });

  test("observing, until it has seen enough", async () => {
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const options = at("/time", [Option.OBSERVE, 0]);
      const observation = udp.endpoint.request(
        udp.now(),
        to(),
        { code: Code.GET, options },
        {
          handleResponse: (now, response) => {
            expect(response.isNotification).toBe(true);
            if (seen.push(text(response)) === 3) observation.cancel(now);
          },
          handleEnd: (_now, failure) => (failure?.reason === "cancelled" ? resolve() : reject(failure)),
        },
      );
    });
    expect(new Set(seen).size).toBe(3);
  });

  test("over TCP, small and in BERT blocks", async () => {
    expect(text(await ask(tcp, to(), { code: Code.GET, options: at("/") }))).toContain("libcoap");
    const put = { code: Code.PUT, options: at("/example_data", [Option.CONTENT_FORMAT, 0]), payload: body(60_000) };
    expect(formatCode((await ask(tcp, to(), put)).code)).toMatch(/2\.0[14]/);
    expect((await ask(tcp, to(), { code: Code.GET, options: at("/example_data") })).payload).toEqual(body(60_000));
  });

  test("with pings on both transports", async () => {
    for (const asker of [udp, tcp]) {
      const failure = await new Promise((resolve) => {
        asker.endpoint.ping(asker.now(), to(), {
          handleResponse: () => {},
          handleEnd: (_now, error) => resolve(error),
        });
      });
      expect(failure).toBeUndefined();
    }
  });

  test("that loses 30 % of what it sends: nothing is lost or doubled", { timeout: 120_000, retry: 2 }, async () => {
    // Its losses have no seed. A message is given up when all five transmissions are lost, once in 400: hence `retry`.
    const far = { address: "127.0.0.1", port: lossy.port };
    const put = {
      code: Code.PUT,
      options: at("/example_data", [Option.CONTENT_FORMAT, 0]),
      payload: body(300),
      blockSizeBytes: 64,
    };
    expect(formatCode((await ask(udp, far, put)).code)).toMatch(/2\.0[14]/);
    const get = { code: Code.GET, options: at("/example_data", [Option.BLOCK2, 2]) };
    expect((await ask(udp, far, get)).payload).toEqual(body(300));
  });

  test("with an option that is not understood", async () => {
    const options = at("/", [65_001, new Uint8Array(1)]);
    expect(formatCode((await ask(udp, to(), { code: Code.GET, options })).code)).toBe("4.02");
  });
});
