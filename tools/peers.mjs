// The programs that others wrote and that the tests talk to, from Debian's packages.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { run, say } from "./workspace.mjs";

/** Program, or file by its path → the Debian package that brings it. */
const PACKAGE_BY_PROGRAM = {
  mosquitto: "mosquitto",
  mosquitto_pub: "mosquitto-clients",
  "coap-client-notls": "libcoap3-bin",
  paho_c_pub: "paho.mqtt.c-examples",
  "/usr/lib/python3/dist-packages/paho/mqtt/client.py": "python3-paho-mqtt",
  tshark: "tshark",
  scapy3: "python3-scapy",
  curl: "curl",
  socat: "socat",
  "../sbin/ip": "iproute2",
  chromium: "chromium",
  openssl: "openssl",
  "systemd-analyze": "systemd",
  "systemd-notify": "systemd",
  python3: "python3",
  // A library: from where the programs are.
  "../lib/python3/dist-packages/prometheus_client": "python3-prometheus-client",
};

/** Installs the missing ones where that is allowed; elsewhere says what is missing, and their tests are skipped. */
export function ensurePeers() {
  const missing = Object.entries(PACKAGE_BY_PROGRAM).filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (process.getuid?.() !== 0 || !isInstalled("apt-get")) {
    say(`not installed, their tests are skipped: ${missing.map(([program]) => program).join(", ")}`);
    say(`to run them: sudo apt-get install --no-install-recommends ${packages.join(" ")}`);
    return;
  }
  say(`installing ${packages.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { stdio: "inherit", env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function isInstalled(program) {
  if (path.isAbsolute(program)) return existsSync(program);
  const places = `${process.env.PATH}:/usr/sbin:/sbin`.split(":");
  return places.some((place) => existsSync(path.join(place, program)));
}
