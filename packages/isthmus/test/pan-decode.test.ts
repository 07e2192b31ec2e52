import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runIsthmus } from "./run-cli.js";

const CAPTURE = fileURLToPath(new URL("../../lowpan/test/vectors/border-router-and-riot-195.pcap", import.meta.url));
/** The router solicitation that begins the capture. */
const SOLICITATION = "41d8092300ffff01003412000000027b3b3a02850055bb0000000001020200000012340001000000000000d28b";

describe("isthmus pan decode", () => {
  test("shows each header of a frame beside its octets, and what compression saves", async () => {
    const { stdout, exitCode } = await runIsthmus(["pan", "decode", SOLICITATION]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("IEEE 802.15.4 data\n    41 d8                    frame control    0xd841: version 2006");
    expect(stdout).toContain("    01 00 34 12 00 00 00 02  source           02:00:00:00:12:34:00:01\n");
    expect(stdout).toContain("hop limit                    255\n");
    expect(stdout).toContain("CRC-16  53899 (0xd28b), right\n");
    expect(stdout).toContain("header compression: 40 octets of headers as 4, 36 saved\n");
    expect(stdout).toContain("destination     ff02::2\n    00 00 00 00 00 00 00 02\n");
    expect(stdout).toContain("ICMPv6: router solicitation\n");
  });

  test("takes octets with spaces, in several words, and without their check sequence", async () => {
    const spaced = SOLICITATION.slice(0, -4).replaceAll(/(..)/g, "$1 ").trim().split(" ");
    const { stdout } = await runIsthmus(["pan", "decode", ...spaced]);
    expect(stdout).toContain("ICMPv6: router solicitation\n");
    expect(stdout).not.toContain("CRC-16");
  });

  test("shows a line for each frame of a capture, fragments put together on the way", async () => {
    const { stdout } = await runIsthmus(["pan", "decode", "--summary", CAPTURE]);
    const lines = stdout.split("\n");
    expect(lines[1]).toMatch(/^#2 .*fragment 1, octets from 0 of 144 {2}data$/);
    expect(lines[3]).toMatch(/fragment 1, octets from 128 of 144 .*ICMPv6: router advertisement$/);
    expect(stdout).toMatch(/UDP 40000 > 5683 {2}CoAP CON [0-9a-f]{4} GET/);
  });

  test("shows one frame alone, with what those before it have told", async () => {
    const { stdout } = await runIsthmus(["pan", "decode", "-n", "105", CAPTURE]);
    expect(stdout).toMatch(/^#105 /);
    expect(stdout).toContain("header compression: 48 octets of headers as 9, 39 saved");
    expect(stdout).toMatch(/CoAP CON [0-9a-f]{4} GET.*\n {6}Uri-Path/);
  });

  test.each([
    [["pan", "decode"], "nothing to decode"],
    [["pan", "decode", "no-such-file.pcap"], "no-such-file.pcap: there is no such file"],
    [["pan", "decode", "abc"], "not hexadecimal digits"],
    [["pan", "decode", "-c", "16=::", "41"], '"16=::" is not a context'],
    [["pan", "decode", "-k", "00", "41"], "a key of 1 octets"],
    [["pan", "decode", "-n", "9999", CAPTURE], "there is no frame 9999"],
    [["pan", "decode", fileURLToPath(import.meta.url)], "does not begin a capture file"],
    [["pan", "simulat"], 'there is no command "pan simulat"'],
  ])("%j tells what is wrong", async (args, message) => {
    const { stderr, exitCode } = await runIsthmus(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });
});

describe("isthmus pan sniff", () => {
  test.each([
    [["--zep", "nowhere"], '"nowhere" is not an address and a port'],
    [["--serial", "/dev/no-such-port"], "npm install serialport"],
    [["--protocol", "morse"], "--protocol morse: there is no such name"],
    [["file.pcap"], "files are read by isthmus pan decode"],
  ])("%j tells what is wrong", async (args, message) => {
    const { stderr, exitCode } = await runIsthmus(["pan", "sniff", ...args]);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });
});
