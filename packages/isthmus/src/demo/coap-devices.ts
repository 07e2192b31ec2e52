import { CoapClient, connectorOf, createServer, type Resource } from "@isthmus/coap";
import { bindUdp, type UdpTransport } from "@isthmus/coap/transport-node";

const LIFETIME_S = 600;

/** The CoAP side of the house: devices that register with the hub, each on a port of its own. */
export class CoapDevices {
  readonly #devices: readonly Device[];

  private constructor(devices: readonly Device[]) {
    this.#devices = devices;
  }

  static async start(hub: string, everyMs: number): Promise<CoapDevices> {
    const devices = [await Device.start("nest_bedroom"), await Device.start("garden")];
    for (const device of devices) await device.register(hub, everyMs);
    return new CoapDevices(devices);
  }

  async close(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.close()));
  }
}

/** A thermometer with a lamp. */
class Device {
  readonly #name: string;
  readonly #transport: UdpTransport;
  readonly #client: CoapClient;
  readonly #temperature: Resource;
  #timer: NodeJS.Timeout | undefined;
  #location: string | undefined;

  private constructor(name: string, transport: UdpTransport, temperature: Resource) {
    this.#name = name;
    this.#transport = transport;
    // It asks from the port that it serves: that is where the hub asks back.
    this.#client = new CoapClient({ connector: connectorOf(transport) });
    this.#temperature = temperature;
  }

  static async start(name: string): Promise<Device> {
    const server = createServer();
    const startedAt = performance.now();
    let isOn = false;
    const celsius = (): string => (18 + 3 * Math.sin((performance.now() - startedAt) / 30_000)).toFixed(1);
    const temperature = server.resource("/temp", {
      get: celsius,
      isObservable: true,
      attributes: { rt: "temperature-c" },
    });
    const lamp = server.resource("/lamp", {
      get: () => (isOn ? "on" : "off"),
      put: (request) => {
        isOn = request.text() === "on";
        lamp.notify();
      },
      isObservable: true,
      attributes: { rt: "light" },
    });
    return new Device(name, await bindUdp({ handler: server }), temperature);
  }

  async register(hub: string, everyMs: number): Promise<void> {
    const uri = `${hub}/rd?ep=${this.#name}&lt=${LIFETIME_S}`;
    const response = await this.#client.request(uri, {
      method: "POST",
      body: "</temp>;obs,</lamp>;obs",
      contentFormat: 40,
    });
    if (!response.ok) throw new Error(`${this.#name} could not register: ${response.toString()}`);
    this.#location = hub + (response.location ?? "");
    this.#timer = setInterval(() => this.#temperature.notify(), everyMs);
  }

  /** Says goodbye, so that its topics tell that it is gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#location !== undefined) {
      await this.#client.request(this.#location, { method: "DELETE", timeoutMs: 1000 }).catch(() => undefined);
    }
    await this.#transport.close();
  }
}
