/** Which topic some resources of devices become. The first rule that is about a resource decides. */
export interface MirrorRule {
  /** Endpoint names, with `*` for any characters. Default `*`. */
  readonly endpoint?: string;
  /** Paths as `/sensors/temp`, with `*` for any characters. Default `*`. */
  readonly path?: string;
  /** The topic, with `{endpoint}` and `{path}`; false leaves the resources out. */
  readonly topic: string | false;
}

/** How devices of CoAP that register become topics. */
export interface MirrorOptions {
  /** Rules that come before the default one, by which `/temp` of `pump` is `devices/pump/temp`. */
  readonly rules?: readonly MirrorRule[];
  /** What the topics of the default rule begin with. Default `devices`. */
  readonly prefix?: string;
  /** Devices at a time; more are refused 5.03. Default 10,000. */
  readonly maxDevices?: number;
  /** Resources of one device that become topics; the rest is left out, and logged. Default 100. */
  readonly maxResources?: number;
  /** Bytes of a value of a device. Default 1 MiB. */
  readonly maxValueBytes?: number;
  /**
   * Addresses and ranges where devices may be said to be by another than themselves (`base=`), as `192.168.7.0/24`.
   * Default none: the hub asks a device at the address that it registers from.
   */
  readonly allowedBases?: readonly string[];
}

export const MIRROR_DEFAULTS = {
  rules: [],
  prefix: "devices",
  maxDevices: 10_000,
  maxResources: 100,
  maxValueBytes: 1024 * 1024,
  allowedBases: [],
} as const satisfies Required<MirrorOptions>;
