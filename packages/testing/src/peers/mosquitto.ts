import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort, Peer } from "./program.js";

/** What a mosquitto is launched with. */
export interface MosquittoOptions {
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Whether to let in who names no user. Default true. */
  readonly isAnonymousAllowed?: boolean | undefined;
  /** Whether to open a listener for WebSockets too; the build may lack it. Default false. */
  readonly hasWebSockets?: boolean | undefined;
  /** Certificate and key, PEM, for a TLS listener. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** More lines of its configuration file. */
  readonly config?: string | undefined;
}

/** A mosquitto broker of a test's own, on loopback ports of its own. */
export interface Mosquitto extends AsyncDisposable {
  /** `mqtt://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** `ws://127.0.0.1:PORT`, if asked for. */
  readonly webSocketUrl: string;
  /** `mqtts://localhost:PORT`, if asked for. */
  readonly tlsUrl: string;
  /** What it has logged. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * Launches a mosquitto that lets anybody in and keeps nothing on disk.
 *
 * @param path of the program, from `findProgram("mosquitto")`
 */
export async function launchMosquitto(path: string, options: MosquittoOptions = {}): Promise<Mosquitto> {
  const directory = await mkdtemp(join(tmpdir(), "isthmus-mosquitto-"));
  const [port, webSocketPort, tlsPort] = [options.port ?? (await freePort()), await freePort(), await freePort()];
  const lines = [
    "log_dest stderr",
    "log_type all",
    "persistence false",
    `allow_anonymous ${options.isAnonymousAllowed ?? true}`,
    options.config ?? "",
  ];
  // As root it would become a user who may not read its files.
  if (userInfo().uid === 0) lines.push("user root");
  lines.push(`listener ${port} 127.0.0.1`);
  if (options.hasWebSockets) lines.push(`listener ${webSocketPort} 127.0.0.1`, "protocol websockets");
  if (options.tls) {
    const [certFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    await writeFile(certFile, options.tls.cert);
    await writeFile(keyFile, options.tls.key);
    lines.push(`listener ${tlsPort} 127.0.0.1`, `certfile ${certFile}`, `keyfile ${keyFile}`);
  }
  const configFile = join(directory, "mosquitto.conf");
  await writeFile(configFile, `${lines.join("\n")}\n`);
  await chmod(directory, 0o755);
  try {
    const peer = await Peer.launch(path, ["-c", configFile], /mosquitto version \S+ running/);
    const stop = async (): Promise<void> => {
      await peer.stop();
      await rm(directory, { recursive: true, force: true });
    };
    return {
      url: `mqtt://127.0.0.1:${port}`,
      port,
      webSocketUrl: `ws://127.0.0.1:${webSocketPort}`,
      tlsUrl: `mqtts://localhost:${tlsPort}`,
      output: () => peer.output,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}
