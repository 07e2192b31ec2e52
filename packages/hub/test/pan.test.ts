import { execFile, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { SeededRandom } from "@isthmus/machine";
import { CoapClient, connectorOf, createClient, createServer } from "@isthmus/coap";
import {
  addressOnPrefix,
  formatAddress,
  type LowpanNodeOptions,
  MacSecurity,
  parseAddress,
  parseLinkAddress,
} from "@isthmus/lowpan";
import { nodeCcmStar } from "@isthmus/lowpan/ccm-star-node";
import { NodeDriver, REAL_TIME_OPTIONS, ZepLink } from "@isthmus/lowpan/links-node";
import { connect } from "@isthmus/mqtt";
import { findProgram } from "@isthmus/testing/peers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { CoapNode } from "../src/pan/coap-node.js";
import { PAN_DEFAULTS, type PanOptions } from "../src/pan/pan-options.js";

const PATIENCE = { timeout: 20_000, interval: 20 };
const closing: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startHub(pan: Partial<PanOptions> = {}, options: HubOptions = {}): Promise<Hub> {
  const hub = await createHub({
    mqtt: { port: 0 },
    coap: { port: 0 },
    pan: { link: { zep: { listen: "[::1]:0" } }, ...pan },
    ...options,
  });
  closing.push(() => hub.close());
  return hub;
}

/** A constrained node with a thermometer, over ZEP. */
class Thermometer {
  celsius = "20.5";
  readonly server = createServer({ now: () => this.driver.now });
  readonly driver: NodeDriver<CoapNode>;
  readonly client: CoapClient;

  constructor(link: ZepLink, index: number, options: Partial<LowpanNodeOptions>) {
    this.server.resource("/temp", { get: () => this.celsius, isObservable: true });
    this.server.resource("/log", { get: () => "x".repeat(400) });
    this.driver = new NodeDriver(
      link,
      (radio) =>
        new CoapNode({
          ...REAL_TIME_OPTIONS,
          radio,
          random: new SeededRandom(index),
          address: parseLinkAddress(`02:00:00:00:00:00:00:0${index}`),
          role: "host",
          coap: { handler: this.server, blockSizeBytes: 64 },
          ...options,
        }),
    );
    const { machine } = this.driver;
    machine.onWake = () => queueMicrotask(() => this.driver.act(() => undefined));
    this.client = new CoapClient({ connector: connectorOf(machine.transport) });
  }

  static async join(hub: Hub, index: number, options: Partial<LowpanNodeOptions> = {}): Promise<Thermometer> {
    const { hostname, port } = new URL((hub.pan?.url ?? "").replace("zep:", "http:"));
    const remote = { address: hostname.slice(1, -1), port: Number(port) };
    const hello = parseLinkAddress(`02:00:00:00:00:00:00:0${index}`);
    const thermometer = new Thermometer(await ZepLink.open({ remote, hello }), index, options);
    closing.push(() => thermometer.driver.close());
    thermometer.driver.act((machine, now) => machine.start(now));
    await vi.waitFor(() => expect(thermometer.driver.machine.node.addresses).toHaveLength(1), PATIENCE);
    return thermometer;
  }

  /** @returns the border router, as seen from here. */
  get hub(): string {
    const prefix = parseAddress(PAN_DEFAULTS.prefix.split("/")[0] ?? "");
    return `coap://[${formatAddress(addressOnPrefix(prefix, parseLinkAddress(PAN_DEFAULTS.address)))}]`;
  }

  request(...[path, options]: Parameters<CoapClient["request"]>): ReturnType<CoapClient["request"]> {
    this.driver.act((machine, now) => machine.tick(now));
    return this.client.request(this.hub + path, options);
  }

  async register(name: string): Promise<void> {
    const body = "</temp>;obs,</log>";
    const response = await this.request(`/rd?ep=${name}`, { method: "POST", body, contentFormat: 40 });
    if (!response.ok) throw new Error(String(response));
  }

  change(celsius: string): void {
    this.celsius = celsius;
    this.driver.act((machine, now) => {
      machine.tick(now);
      this.server.resource("/temp", {}).notify();
    });
  }
}

describe("a constrained node that joins the hub's network", { timeout: 60_000 }, () => {
  test("registers, is observed, appears as topics, and is read through the hub", async () => {
    const hub = await startHub();
    const node = await Thermometer.join(hub, 1);
    await using subscriber = await connect(hub.mqtt?.url ?? "");
    const seen: string[] = [];
    const messages = await subscriber.subscribe("devices/#");
    void (async () => {
      for await (const { topic, payload } of messages) seen.push(`${topic} ${new TextDecoder().decode(payload)}`);
    })();
    await node.register("attic");
    await vi.waitFor(() => expect(seen).toContain("devices/attic/temp 20.5"), PATIENCE);
    node.change("21.0");
    await vi.waitFor(() => expect(seen).toContain("devices/attic/temp 21.0"), PATIENCE);
    await using client = createClient();
    expect((await client.request(`${hub.coap?.url}/attic/temp`)).text()).toBe("21.0");
    // Fragments and blocks on the way are nobody's business.
    expect((await client.request(`${hub.coap?.url}/attic/log`)).text()).toBe("x".repeat(400));
  });

  test("publishes by itself, and reads the last value of topics", async () => {
    const hub = await startHub();
    const node = await Thermometer.join(hub, 1);
    expect((await node.request("/t/attic/humidity", { method: "PUT", body: "40" })).status).toBe("2.01");
    await using client = createClient();
    expect((await client.request(`${hub.coap?.url}/t/attic/humidity`)).text()).toBe("40");
    expect((await node.request("/t/attic/humidity")).text()).toBe("40");
  });

  test("is let in with the network's key alone", async () => {
    const key = "000102030405060708090a0b0c0d0e0f";
    const hub = await startHub({ key });
    const address = parseLinkAddress("02:00:00:00:00:00:00:01");
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
    const security = new MacSecurity({ ccmStar: nodeCcmStar, address, level: 5, key: bytes });
    const node = await Thermometer.join(hub, 1, { security });
    expect((await node.request("/t/a", { method: "PUT", body: "1" })).status).toBe("2.01");
    const { hostname, port } = new URL((hub.pan?.url ?? "").replace("zep:", "http:"));
    const link = await ZepLink.open({ remote: { address: hostname.slice(1, -1), port: Number(port) }, hello: address });
    const stranger = new Thermometer(link, 2, {});
    closing.push(() => stranger.driver.close());
    stranger.driver.act((machine, now) => machine.start(now));
    // The one with the key is answered many times over meanwhile.
    for (let i = 0; i < 5; i++) await node.request(`/t/a`);
    expect(stranger.driver.machine.node.addresses).toHaveLength(0);
  });

  test("reaches hosts outside that are named, and no others", async () => {
    const outside = createSocket("udp4");
    outside.on("message", (message, { address, port }) => outside.send(`got ${message.toString()}`, port, address));
    outside.bind(0, "127.0.0.1");
    await once(outside, "listening");
    closing.push(async () => void outside.close());
    const hub = await startHub({ outbound: ["127.0.0.1"] });
    const node = await Thermometer.join(hub, 1);
    const events: string[] = [];
    const { machine } = node.driver;
    machine.node.bind(9000);
    machine.onEvent = (event) => {
      if (event.type === "icmp-error") events.push(`${event.error.type} ${event.error.code}`);
    };
    const receive = vi.fn<(text: string) => void>();
    const takeEvents = machine.node.takeEvents.bind(machine.node);
    machine.node.takeEvents = () =>
      takeEvents().filter((event) => {
        const isOurs = event.type === "datagram" && event.destinationPort === 9000;
        if (isOurs) receive(new TextDecoder().decode(event.payload));
        return !isOurs;
      });
    const send = (destination: string): void =>
      node.driver.act(({ node: stack }, now) =>
        stack.sendUdp(now, {
          sourcePort: 9000,
          destination: parseAddress(destination),
          destinationPort: outside.address().port,
          payload: new TextEncoder().encode("hello"),
        }),
      );
    send("64:ff9b::7f00:1");
    await vi.waitFor(() => expect(receive).toHaveBeenCalledWith("got hello"), PATIENCE);
    send("64:ff9b::7f00:2");
    await vi.waitFor(() => expect(events).toEqual(["destination-unreachable 1"]), PATIENCE);
  });
});

/** Asks the system, not the hub, whether this process may make a TUN device: root in a container often may not. */
const MAY_MAKE_TUN = `
import fcntl, os, struct
fcntl.ioctl(os.open("/dev/net/tun", os.O_RDWR), 0x400454ca, struct.pack("16sH22s", b"isthmus-may%d", 0x1001, b""))
`;

describe("a TUN device", { timeout: 60_000 }, () => {
  const name = `ist${process.pid}`;
  const prefix = `fd69:7374:${(process.pid & 0xffff).toString(16)}:1::/64`;
  const tun = { name, address: `fd69:7374:${(process.pid & 0xffff).toString(16)}::1` };
  const run = promisify(execFile);
  const hasPrograms = ["socat", "ip", "coap-client-notls"].every((program) => findProgram(program) !== undefined);
  const isPermitted = spawnSync("python3", ["-c", MAY_MAKE_TUN]).status === 0;

  test.skipIf(!hasPrograms)(
    "lets the host's programs reach nodes, and nodes the host; where it is not permitted, the hub says so",
    async () => {
      if (!isPermitted) {
        await expect(startHub({ prefix, tun })).rejects.toThrow(`no TUN device ${name}`);
        return;
      }
      const hub = await startHub({ prefix, tun });
      const node = await Thermometer.join(hub, 1);
      const address = formatAddress(node.driver.machine.node.addresses[0] ?? new Uint8Array(16));
      const { stdout } = await run("coap-client-notls", ["-m", "get", `coap://[${address}]/temp`]);
      expect(stdout.trim()).toBe("20.5");
      // A body in many frames, there and back.
      expect((await run("coap-client-notls", ["-m", "get", `coap://[${address}]/log`])).stdout.trim()).toBe(
        "x".repeat(400),
      );
      const outside = createSocket("udp6");
      closing.push(async () => void outside.close());
      outside.bind(0, tun.address);
      await once(outside, "listening");
      const heard = once(outside, "message");
      node.driver.act(({ node: stack }, now) =>
        stack.sendUdp(now, {
          sourcePort: 9000,
          destination: parseAddress(tun.address),
          destinationPort: outside.address().port,
          payload: new TextEncoder().encode("hello"),
        }),
      );
      const [message, from] = await heard;
      expect([String(message), from.address, from.port]).toEqual(["hello", address, 9000]);
      await hub.close();
      expect(existsSync(`/sys/class/net/${name}`)).toBe(false);
    },
  );
});

describe("a border router", () => {
  test.each([
    ["without a CoAP door", { coap: false as const }, "needs the CoAP door"],
    ["at a place that is none", { pan: { link: { zep: { listen: "here" } } } }, '"here" is not an address and a port'],
  ])("does not start %s", async (_title, options, message) => {
    const starting = createHub({ coap: { port: 0 }, pan: { link: { zep: { listen: "[::1]:0" } } }, ...options });
    await expect(starting).rejects.toThrow(message);
  });
});
