import type { Duplex } from "node:stream";

/** As much of the package `serialport` as is used here. */
interface SerialPortModule {
  readonly SerialPort: new (options: { path: string; baudRate: number; autoOpen: false }) => Duplex & {
    open(callback: (error: Error | null) => void): void;
  };
}

/** The package has native code, and few need it: it is the user's to install. */
const PACKAGE: string = "serialport";

/** A serial port that cannot be had, said in a way that tells what to do. */
export class SerialPortError extends Error {
  override readonly name = "SerialPortError";
}

/** Opens the serial port at `path`, as `/dev/ttyACM0`. @throws SerialPortError */
export async function openSerialPort(path: string, baudRate: number): Promise<Duplex> {
  const { SerialPort } = await load();
  const port = new SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(new SerialPortError(`${path}: ${error.message}`, { cause: error }));
    });
  });
  return port;
}

async function load(): Promise<SerialPortModule> {
  try {
    // What the package has exported since its version 10.
    return (await import(PACKAGE)) as SerialPortModule;
  } catch (cause) {
    throw new SerialPortError(`serial ports need the package serialport: npm install serialport`, { cause });
  }
}
