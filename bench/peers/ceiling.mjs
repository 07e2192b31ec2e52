/**
 * No broker: the least that looks like one to the load generator, to show how much the generator can do.
 *
 * It reads the topic of the first PUBLISH of a connection only, takes all that follow for copies of it, and forwards
 * them by arithmetic, whole frames as one slice: MQTT 3.1.1, one filter without wildcards per subscriber, QoS 0, and
 * QoS 1 with the publisher's packet identifiers. What no broker can beat is then the generator's ceiling on this machine,
 * not a figure to compare with.
 *
 * With a file it writes what it has taken in there, all of a turn of the event loop at once, and goes on with it (forwards it,
 * acknowledges it) after fdatasync: the group commit that no broker on this machine can beat.
 *
 * Usage: node ceiling.mjs PORT [FILE]
 */
import { fdatasync, openSync, write } from "node:fs";
import { createServer } from "node:net";

const CONNACK = Buffer.from("20020000", "hex");
const NOTHING = Buffer.alloc(0);

/** @type {Map<string, Set<import("node:net").Socket>>} */
const subscribersByTopic = new Map();

/** The extent of the packet at `offset` of `bytes`; undefined when its header is not whole. */
function header(bytes, offset) {
  let remainingLength = 0;
  for (let i = 1; i <= 4 && offset + i < bytes.length; i++) {
    remainingLength += (bytes[offset + i] & 0x7f) * 128 ** (i - 1);
    if (bytes[offset + i] < 0x80) return { bodyStart: offset + i + 1, end: offset + i + 1 + remainingLength };
  }
  return undefined;
}

function topicAt(bytes, offset) {
  return bytes.toString("latin1", offset + 2, offset + 2 + bytes.readUInt16BE(offset));
}

/** One write and one fdatasync at a time, each for all that has come meanwhile. */
class Journal {
  /** Written over from the start when it is this long: making a file longer costs more. */
  static SIZE = 16 * 1024 * 1024;
  #descriptor;
  #position = 0;
  #waiting = [];
  #isBusy = false;

  constructor(file) {
    this.#descriptor = openSync(file, "w+");
    write(this.#descriptor, Buffer.alloc(Journal.SIZE), 0, Journal.SIZE, 0, () => {});
  }

  append(bytes, handleStored) {
    this.#waiting.push({ bytes: Buffer.from(bytes), handleStored });
    if (!this.#isBusy) setImmediate(() => this.#write());
    this.#isBusy = true;
  }

  #write() {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#isBusy = taken.length > 0;
    if (!this.#isBusy) return;
    const bytes = Buffer.concat(taken.map((each) => each.bytes));
    if (this.#position + bytes.length > Journal.SIZE) this.#position = 0;
    write(this.#descriptor, bytes, 0, bytes.length, this.#position, () => {
      fdatasync(this.#descriptor, () => {
        for (const { handleStored } of taken) handleStored();
        this.#write();
      });
    });
    this.#position += bytes.length;
  }
}

const journal = process.argv[3] === undefined ? undefined : new Journal(process.argv[3]);

createServer({ noDelay: true }, (socket) => {
  socket.setMaxListeners(0);
  let held = NOTHING;
  let frameSize = 0;
  /** Where in a frame the packet identifier stands; 0 for QoS 0. */
  let identifierAt = 0;
  let receivers = new Set();

  const forward = (bytes) => {
    const whole = bytes.length - (bytes.length % frameSize);
    held = bytes.subarray(whole);
    if (whole === 0) return;
    if (journal === undefined) pass(bytes, whole);
    else journal.append(bytes.subarray(0, whole), () => pass(bytes, whole));
  };

  const pass = (bytes, whole) => {
    if (identifierAt > 0) acknowledge(bytes, whole);
    for (const receiver of receivers) {
      if (receiver.write(bytes.subarray(0, whole))) continue;
      socket.pause();
      receiver.once("drain", () => socket.resume());
    }
  };

  const acknowledge = (bytes, whole) => {
    const pubacks = Buffer.allocUnsafe((whole / frameSize) * 4);
    for (let at = 0, to = 0; at < whole; at += frameSize, to += 4) {
      pubacks.writeUInt16BE(0x4002, to);
      pubacks.writeUInt16BE(bytes.readUInt16BE(at + identifierAt), to + 2);
    }
    socket.write(pubacks);
  };

  const receive = (bytes) => {
    for (let at = 0; ;) {
      const found = header(bytes, at);
      if (!found || found.end > bytes.length) {
        held = bytes.subarray(at);
        return;
      }
      const type = bytes[at] >> 4;
      if (type === 1) socket.write(CONNACK);
      if (type === 3) {
        frameSize = found.end - at;
        if ((bytes[at] & 6) !== 0) identifierAt = found.bodyStart - at + 2 + bytes.readUInt16BE(found.bodyStart);
        receivers = subscribersByTopic.get(topicAt(bytes, found.bodyStart)) ?? receivers;
        forward(bytes.subarray(at));
        return;
      }
      if (type === 8) {
        const topic = topicAt(bytes, found.bodyStart + 2);
        subscribersByTopic.set(topic, (subscribersByTopic.get(topic) ?? new Set()).add(socket));
        socket.on("close", () => subscribersByTopic.get(topic)?.delete(socket));
        socket.write(Buffer.from([0x90, 3, bytes[found.bodyStart], bytes[found.bodyStart + 1], bytes[found.end - 1]]));
      }
      at = found.end;
    }
  };

  socket.on("data", (chunk) => {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (frameSize > 0) forward(bytes);
    else receive(bytes);
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
