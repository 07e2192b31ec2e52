// What sealing costs: times and sizes of wraps by suite and backend, messages per second, and the path over a broker.
//
//   node packages/smqtt/bench/smqtt.mjs [--quick] [--only schemes|hpke|messages] [--broker mqtt://127.0.0.1:1883]
//
// Runs the built package (`tsc -b packages/smqtt`). Medians of CPU time, so that a machine that does other things too
// tells the same; the path over a broker in wall time. Prints Markdown.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import {
  Authority,
  createIdentity,
  createSuiteRegistry,
  fromMqttJs,
  hpkeSuite,
  Membership,
  nobleCrypto,
  Opener,
  publicIdentity,
  pskSuite,
  Sealer,
  secure,
  secureRandomBytes,
} from "@isthmus/smqtt";
import {
  createNobleGroup,
  decapsulate,
  encapsulate,
  FabeoCp,
  FabeoKp,
  parsePolicy,
  randomCoins,
} from "@isthmus/smqtt/abe";
import { loadMclGroup } from "@isthmus/smqtt/mcl";
import { nodeCrypto } from "@isthmus/smqtt/node";

const { values: flags } = parseArgs({
  options: { quick: { type: "boolean" }, broker: { type: "string" }, only: { type: "string" } },
});
const coins = randomCoins(secureRandomBytes);
const additionalData = secureRandomBytes(100);
const NOW = Math.floor(Date.now() / 1000);

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const ms = (value) => value.toFixed(value < 10 ? 2 : 1);

/** Median milliseconds of CPU time of `rounds` calls, after enough calls for tables and the compiler to settle. */
async function time(rounds, warmUps, action) {
  for (let i = 0; i < warmUps; i++) await action();
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const started = process.cpuUsage();
    await action();
    times.push(cpuSeconds(started) * 1000);
  }
  return median(times);
}

function row(...cells) {
  console.log(`| ${cells.join(" | ")} |`);
}

function table(...heads) {
  row(...heads);
  row(...heads.map(() => "---"));
}

async function measureSchemes() {
  console.log("\n## Key issue, encapsulation, decapsulation (AND of n attributes)\n");
  console.log(
    "First: the first call of a process, with nothing cached. Then medians with caches and tables warm. CPU time.\n",
  );
  table(
    "scheme",
    "backend",
    "n",
    "key issue (noble) ms",
    "key bytes",
    "first encap. ms",
    "encap. ms",
    "decap. ms",
    "bytes",
  );
  const noble = createNobleGroup();
  const mcl = await loadMclGroup();
  for (const Scheme of [FabeoCp, FabeoKp]) {
    const issuer = new Scheme(noble);
    const alpha = coins();
    const id = issuer.parsePublicKey(issuer.publicKeyOf(alpha)).id;
    for (const group of [mcl, noble]) {
      for (const n of [1, 5, 10, 30]) {
        const attributes = Array.from({ length: n }, (_, i) => `attribute-${i}`);
        const policy = parsePolicy(attributes.join(" AND "));
        const isCp = Scheme === FabeoCp;
        const [access, held] = isCp ? [policy, attributes] : [attributes, policy];
        const issue = () => issuer.issueKey(alpha, id, held, coins);
        const issueMs = await time(flags.quick ? 2 : 5, 5, issue);
        const encoded = issue();
        const scheme = new Scheme(group); // with no caches
        const publicKey = scheme.parsePublicKey(issuer.publicKeyOf(alpha));
        const key = scheme.parseKey(encoded);
        const wrap = () => encapsulate(scheme, publicKey, access, additionalData, secureRandomBytes);
        const started = process.cpuUsage();
        const { bytes } = wrap();
        const firstMs = cpuSeconds(started) * 1000;
        const rounds = flags.quick ? 5 : group === mcl ? 60 : 20;
        const encapsulateMs = await time(rounds, group === mcl ? 30 : 8, wrap);
        const decapsulateMs = await time(rounds, 3, () => decapsulate(scheme, publicKey, key, bytes, additionalData));
        row(
          isCp ? "CP" : "KP",
          group.name,
          n,
          ms(issueMs),
          encoded.length,
          ms(firstMs),
          ms(encapsulateMs),
          ms(decapsulateMs),
          bytes.length,
        );
      }
    }
  }
}

async function measureHpke() {
  console.log("\n## HPKE, one ciphertext per reader, beside it, CPU time\n");
  table("readers", "wrap ms", "unwrap ms (last reader)", "bytes");
  const suite = hpkeSuite();
  for (const readers of [1, 10, 100, 1000]) {
    let master = await suite.setup(secureRandomBytes);
    let last;
    for (let i = 0; i < readers; i++) {
      const identity = createIdentity(secureRandomBytes);
      const { id, exchangeKey } = publicIdentity(identity);
      const grant = {
        subject: id,
        exchangeKey,
        subscribe: ["a"],
        publish: [],
        attributes: [],
        validity: { from: 0, until: NOW + 9999 },
      };
      ({ master } = await suite.enrol(master, grant, secureRandomBytes));
      last = { parameters: master.parameters, readerKey: id, subject: id, exchangeSecret: identity.exchangeSecret };
    }
    const publisher = { parameters: master.parameters, generation: 1, writerKey: undefined };
    const target = { topic: "a", policy: undefined, time: NOW };
    const wrapMs = await time(readers >= 1000 ? 3 : 10, 1, () =>
      suite.wrap(publisher, target, additionalData, secureRandomBytes),
    );
    const { wrap } = await suite.wrap(publisher, target, additionalData, secureRandomBytes);
    const unwrapMs = await time(20, 2, () => suite.unwrap(last, wrap, additionalData));
    row(readers, ms(wrapMs), ms(unwrapMs), wrap.length);
  }
}

/** An authority with a group secret, a publisher and a reader: the wrap costs nothing, so messages are what counts. */
async function createPair() {
  const suites = createSuiteRegistry([pskSuite()]);
  const options = { suites, crypto: nodeCrypto, random: secureRandomBytes, now: () => NOW };
  const authority = await Authority.setup("bench", ["psk"], options);
  const join = async (name, grant) => {
    const joining = await Membership.request(authority.invite(name, grant), createIdentity(secureRandomBytes), options);
    return joining.complete(await authority.answer(joining.request));
  };
  return {
    suites,
    writer: await join("writer", { publish: ["#"] }),
    reader: await join("reader", { subscribe: ["#"] }),
  };
}

async function measureMessages() {
  console.log("\n## Sealed messages per second of CPU time, after the wrap\n");
  table(
    "backend",
    "AEAD",
    "payload bytes",
    "sealed bytes",
    "seal/s",
    "open/s",
    "seal/s with Ed25519",
    "open/s with Ed25519",
  );
  const { suites, writer, reader } = await createPair();
  for (const crypto of [nodeCrypto, nobleCrypto]) {
    for (const algorithm of ["A256GCM", "ChaCha20/Poly1305"]) {
      for (const size of [64, 1024]) {
        const plain = await rates({ suites, writer, reader, crypto, algorithm, size, countersign: false });
        const signed = await rates({ suites, writer, reader, crypto, algorithm, size, countersign: true });
        const round = (rate) => Math.round(rate).toLocaleString("en");
        row(
          crypto.name,
          algorithm,
          size,
          plain.bytes,
          round(plain.seal),
          round(plain.open),
          round(signed.seal),
          round(signed.open),
        );
      }
    }
  }
}

/** Of this process, the collector's threads included: fair on a machine that does other things too. */
function cpuSeconds(started) {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
}

async function rates({ suites, writer, reader, crypto, algorithm, size, countersign }) {
  const certificate = () => ({ certificate: writer.certificate, bytes: writer.certificateBytes });
  const sealer = new Sealer({
    suite: suites.get("psk"),
    publisher: () => writer.publisher("psk"),
    certificate,
    signingSecret: writer.identity.signingSecret,
    crypto,
    random: secureRandomBytes,
    algorithm,
    countersign,
  });
  const opener = new Opener({
    suites,
    reader: (name) => reader.reader(name),
    authorityKey: reader.authorityKey,
    revoked: () => [],
    crypto,
  });
  const key = await sealer.obtain("bench/topic", undefined, NOW);
  await opener.addWrap(key.wrapMessage, NOW);
  const payload = secureRandomBytes(size);
  const count =
    (crypto === nodeCrypto && !countersign ? 60_000 : countersign && crypto === nobleCrypto ? 300 : 6_000) /
    (flags.quick ? 5 : 1);
  const sealOne = () => sealer.current("bench/topic", undefined, NOW).seal("bench/topic", payload);
  const sealRates = [];
  const openRates = [];
  let bytes = 0;
  for (let round = 0; round < 6; round++) {
    const sealed = [];
    let started = process.cpuUsage();
    for (let i = 0; i < count; i++) sealed.push(sealOne());
    if (round > 0) sealRates.push(count / cpuSeconds(started));
    started = process.cpuUsage();
    for (const message of sealed) opener.open("bench/topic", message, false, NOW);
    if (round > 0) openRates.push(count / cpuSeconds(started));
    bytes = sealed[0].length;
  }
  return { seal: median(sealRates), open: median(openRates), bytes };
}

async function measureBroker(url) {
  const { default: mqtt } = await import("mqtt");
  console.log("\n## The whole path over a broker (MQTT.js, QoS 0, 64 bytes, one publisher, one reader, one process)\n");
  table("", "messages/s");
  const { suites, writer, reader } = await createPair();
  const [one, other] = [await mqtt.connectAsync(url), await mqtt.connectAsync(url)];
  const common = { suites, suite: "psk", crypto: nodeCrypto, followAuthority: false };
  const sealed = [
    secure(fromMqttJs(one), { ...common, membership: writer }),
    secure(fromMqttJs(other, 1_000_000), { ...common, membership: reader }),
  ];
  const plain = [fromMqttJs(one), fromMqttJs(other, 1_000_000)];
  for (let round = 0; round < 2; round++) {
    for (const [name, publisher, subscriber] of [
      ["plain", ...plain],
      ["sealed", ...sealed],
    ]) {
      row(name, Math.round(await throughput(publisher, subscriber, "bench/path")).toLocaleString("en"));
    }
  }
  for (const client of sealed) await client.close();
  for (const client of [one, other]) await client.endAsync();
}

async function throughput(publisher, subscriber, topic) {
  const count = flags.quick ? 5_000 : 40_000;
  const subscription = await subscriber.subscribe(topic);
  const messages = subscription[Symbol.asyncIterator]();
  const payload = secureRandomBytes(64);
  await publisher.publish(topic, payload); // the wrap is made and fetched
  await messages.next();
  const started = performance.now();
  const reading = (async () => {
    for (let received = 0; received < count; received++) await messages.next();
  })();
  for (let sent = 0; sent < count; sent += 500) {
    await Promise.all(Array.from({ length: 500 }, () => publisher.publish(topic, payload)));
  }
  await reading;
  const seconds = (performance.now() - started) / 1000;
  await subscription.close();
  return count / seconds;
}

console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()
    .map((l) => l.toFixed(1))
    .join(" ")}`,
);
const parts = { schemes: measureSchemes, hpke: measureHpke, messages: measureMessages };
for (const [name, measure] of Object.entries(parts)) {
  if ((flags.only ?? name) === name) await measure();
}
if (flags.broker !== undefined) await measureBroker(flags.broker);
