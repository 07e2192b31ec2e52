import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadConfig } from "@isthmus/hub/config";
import { afterAll, describe, expect, test } from "vitest";
import { runIsthmus } from "./run-cli.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string): string => path.join(folder, name);

/** Writes files; `DIR` in their text is their folder. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(inFolder(name)), { recursive: true });
    writeFileSync(inFolder(name), text.replaceAll("DIR", folder));
  }
}

/** What `isthmus config import` makes of it, as text and as a configuration that was checked. */
async function importConf(name = "mosquitto.conf") {
  const { stdout, exitCode } = await runIsthmus(["config", "import", inFolder(name)]);
  expect(exitCode).toBe(0);
  writeFileSync(inFolder("isthmus.yaml"), stdout);
  return { text: stdout, ...loadConfig({ file: inFolder("isthmus.yaml") }) };
}

describe("isthmus config import", () => {
  test("a file that says nothing: this machine alone, everything in memory", async () => {
    write({ "mosquitto.conf": "# nothing\n" });
    const { given } = await importConf();
    expect(given).toEqual({
      data: "memory",
      listeners: [{ type: "mqtt", host: "127.0.0.1", port: 1883 }],
      limits: { max_in_flight: 20, max_queued_messages: 1000 },
    });
  });

  test("listeners with TLS, WebSockets, users and rules", async () => {
    write({
      "mosquitto.conf": `
persistence true
persistence_location /var/lib/mosquitto/
allow_anonymous false
password_file DIR/passwd
acl_file DIR/acl
max_inflight_messages 0
max_queued_bytes 1000000
persistent_client_expiration 2w
sys_interval 30
log_type error
log_type warning
listener 1883 127.0.0.1
listener 8883
certfile /etc/tls/server.crt
keyfile /etc/tls/server.key
cafile /etc/tls/ca.crt
require_certificate true
use_identity_as_username true
tls_version tlsv1.3
max_connections 500
listener 9001 0.0.0.0
protocol websockets
max_qos 1
`,
      passwd: "",
      acl: "topic read $SYS/#\nuser roger\ntopic foo/bar\ntopic deny foo/secret\n# all\npattern write sensors/%c/#\n",
    });
    const { given, text } = await importConf();
    expect(given).toEqual({
      data: "/var/lib/isthmus",
      listeners: [
        { type: "mqtt", host: "127.0.0.1", port: 1883 },
        {
          type: "mqtt",
          host: "::",
          port: 8883,
          tls: {
            cert_file: "/etc/tls/server.crt",
            key_file: "/etc/tls/server.key",
            ca_file: "/etc/tls/ca.crt",
            client_certificate: "required",
            min_version: "1.3",
          },
          limits: { max_connections: 500 },
          access: { sources: [{ type: "certificate" }, { type: "passwords", file: inFolder("passwd") }] },
        },
        { type: "http", host: "0.0.0.0", port: 9001 },
      ],
      access: {
        allow_anonymous: false,
        sources: [{ type: "passwords", file: inFolder("passwd") }],
        rules: [
          { anonymous: true, allow: "read", topics: ["$SYS/#"] },
          { user: "roger", allow: "readwrite", topics: ["foo/bar"] },
          { user: "roger", deny: "readwrite", topics: ["foo/secret"] },
          { allow: "write", topics: ["sensors/%c/#"] },
          { allow: "subscribe", topics: ["#", "$SYS/#"] },
        ],
      },
      limits: {
        max_in_flight: 65_535,
        max_queued_messages: 1000,
        max_queued_bytes: 1_000_000,
        max_session_expiry: 14 * 86_400,
      },
      sys: { interval_ms: 30_000 },
      log: { level: "warn" },
    });
    expect(text).toContain("#   mosquitto.conf:24: max_qos 1: every QoS is served");
    expect(text).toContain("what mosquitto.db holds is not taken over");
    expect(text).toContain("clients connect to ws://HOST:9001/mqtt");
  });

  test("settings of each listener", async () => {
    write({
      "mosquitto.conf": `
per_listener_settings true
listener 1883 127.0.0.1
allow_anonymous true
listener 1884
password_file DIR/passwd
acl_file DIR/acl
`,
      passwd: "",
      acl: "user anna\ntopic readwrite #\n",
    });
    const { given } = await importConf();
    expect(given).toMatchObject({
      listeners: [
        { port: 1883, access: { allow_anonymous: true } },
        {
          port: 1884,
          access: {
            allow_anonymous: false,
            sources: [{ type: "passwords", file: inFolder("passwd") }],
            rules: [{ user: "anna", allow: "readwrite", topics: ["#"] }, { allow: "subscribe" }],
          },
        },
      ],
    });
    expect(given).not.toHaveProperty("access");
  });

  test("bridges", async () => {
    write({
      "mosquitto.conf": `
connection cloud
address broker.example:8883
topic sensors/# out 1
topic # in 2 cmd/ site7/
topic status both 0 "" site7/
remote_username site7
remote_password a secret
remote_clientid site7-bridge
bridge_cafile DIR/ca.crt
bridge_protocol_version mqttv50
keepalive_interval 30
restart_timeout 5 60
notifications false
connection plain one
address 192.0.2.1
topic a
`,
      "ca.crt": "PEM\n",
    });
    const { config, text } = await importConf();
    expect(config.bridges).toMatchObject([
      {
        name: "cloud",
        url: "mqtts://broker.example:8883",
        topics: [
          { filter: "sensors/#", direction: "out", qos: 1 },
          { filter: "#", direction: "in", qos: 2, local_prefix: "cmd/", remote_prefix: "site7/" },
          { filter: "status", direction: "both", qos: 0, remote_prefix: "site7/" },
        ],
        protocol_version: 5,
        username: "site7",
        password: "a secret",
        client_id: "site7-bridge",
        keep_alive_seconds: 30,
        min_reconnect_ms: 5000,
        max_reconnect_ms: 60_000,
        tls: { ca: "PEM" },
      },
      {
        name: "plain-one",
        url: "mqtt://192.0.2.1:1883",
        topics: [{ filter: "a", direction: "out", qos: 0 }],
        protocol_version: 4,
      },
    ]);
    expect(text).toContain("notifications false: no setting of a bridge");
    const { stdout } = await runIsthmus(["config", "show", inFolder("isthmus.yaml")]);
    expect(stdout).not.toContain("a secret");
  });

  test("files that it includes; the default listener by port", async () => {
    write({
      "mosquitto.conf": "port 1885\nbind_address 127.0.0.1\ninclude_dir DIR/conf.d\n",
      "conf.d/b.conf": "allow_anonymous true\n",
      "conf.d/a.conf": "max_packet_size 4096\nmax_keepalive 0\n",
      "conf.d/ignored.txt": "nonsense\n",
    });
    const { given, text } = await importConf();
    expect(given).toMatchObject({
      listeners: [{ host: "127.0.0.1", port: 1885 }],
      access: { allow_anonymous: true },
      limits: { maximum_packet_size: 4096, max_keep_alive: "unlimited" },
    });
    expect(text).not.toContain("Without a counterpart");
  });

  test("the configuration that the package installs", async () => {
    write({ "mosquitto.conf": readFileSync("/etc/mosquitto/mosquitto.conf", "utf8") });
    expect((await importConf()).given).toMatchObject({ data: "/var/lib/isthmus" });
  });

  test("every directive of mosquitto.conf(5) is converted, or told with a reason of its own", async () => {
    const lines = ["connection", ...DIRECTIVES.split(/\s+/)].map(
      (name) => `${name} ${VALUE_BY_DIRECTIVE[name] ?? "1"}`,
    );
    write({ "mosquitto.conf": lines.join("\n"), "1": "PEM", acl: "" });
    expect((await importConf()).text).not.toContain("not a directive of mosquitto.conf that is known");
    write({ "mosquitto.conf": "prot 1883\nmax_keepalive\n" });
    const { text } = await importConf();
    expect(text).toContain("mosquitto.conf:1: prot 1883: not a directive of mosquitto.conf that is known");
    expect(text).toContain("mosquitto.conf:2: max_keepalive: it has no value");
  });

  test.each([
    [["config", "import"], "which mosquitto.conf?"],
    [["config", "import", "/nonexistent"], "cannot read /nonexistent"],
  ])("%j is refused", async (args, message) => {
    const { stderr, exitCode } = await runIsthmus(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });

  test("-o writes a file that only its owner reads, and overwrites none", async () => {
    write({ "mosquitto.conf": "" });
    const output = inFolder("new.yaml");
    expect((await runIsthmus(["config", "import", "-o", output, inFolder("mosquitto.conf")])).exitCode).toBe(0);
    const { stderr } = await runIsthmus(["config", "import", "-o", output, inFolder("mosquitto.conf")]);
    expect(stderr).toContain("-o names a file that does not exist yet");
  });
});

const DIRECTIVES = `address allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_opt_x auth_plugin auth_plugin_deny_special_chars auto_id_prefix autosave_interval autosave_on_changes bind_address bind_interface bridge_alpn bridge_attempt_unsubscribe bridge_bind_address bridge_cafile bridge_capath bridge_certfile bridge_identity bridge_insecure bridge_keyfile bridge_max_packet_size bridge_outgoing_retain bridge_protocol_version bridge_psk bridge_tls_version cafile capath certfile check_retain_source ciphers ciphers_tls1.3 cleansession clientid_prefixes connection_messages crlfile dhparamfile http_dir idle_timeout keepalive_interval keyfile listener local_cleansession local_clientid log_dest log_facility log_timestamp log_timestamp_format log_type max_connections max_inflight_bytes max_inflight_messages max_keepalive max_packet_size max_qos max_queued_bytes max_queued_messages memory_limit message_size_limit mount_point notification_topic notifications password_file per_listener_settings persistence persistence_file persistence_location persistent_client_expiration pid_file plugin plugin_opt_x port protocol psk_file psk_hint remote_clientid remote_password remote_username require_certificate restart_timeout retain_available round_robin set_tcp_nodelay socket_domain start_type sys_interval threshold tls_engine tls_engine_kpass_sha1 tls_keyform tls_version topic try_private upgrade_outgoing_qos use_identity_as_username use_subject_as_username use_username_as_clientid user websockets_headers_size websockets_log_level websockets_origin`;

/** Of those for which a number would be none. */
const VALUE_BY_DIRECTIVE: Readonly<Record<string, string>> = {
  listener: "1884",
  connection: "other",
  protocol: "mqtt",
  persistent_client_expiration: "2m",
  log_type: "all",
  tls_version: "tlsv1.2",
  address: "192.0.2.1",
  topic: "# both",
  bridge_protocol_version: "mqttv50",
  keepalive_interval: "60",
};
