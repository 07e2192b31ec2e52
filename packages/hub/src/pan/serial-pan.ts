import { NodeDriver, REAL_TIME_OPTIONS, SerialLink } from "@isthmus/lowpan/links-node";
import type { OpenPan, SerialOptions } from "./pan-options.js";
import { openSerialPort } from "./serial-port.js";

/** Frames in SLIP over a serial line, from a radio that passes on what it hears and sends what it is given. */
export function openSerialPan({ path, baudRate = 115_200 }: SerialOptions): OpenPan {
  return async (build) => {
    const link = new SerialLink(await openSerialPort(path, baudRate));
    return new NodeDriver(link, (radio) => build(radio, REAL_TIME_OPTIONS));
  };
}
