import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { readmeExamples, runExample } from "@isthmus/testing/readme-examples";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const examples = readmeExamples(new URL("../README.md", import.meta.url));
const mosquitto = findProgram("mosquitto");

describe.skipIf(mosquitto === undefined)("the examples of the README", () => {
  let broker: Mosquitto;
  beforeAll(async () => {
    broker = await launchMosquitto(mosquitto ?? "");
  });
  afterAll(() => broker?.stop());

  it.each(examples)("print what they say: $title", async ({ code, printed }) => {
    expect(printed.length).toBeGreaterThan(0);
    const lines = await runExample(code.replaceAll("mqtt://localhost", broker.url), new URL(".", import.meta.url));
    expect(lines).toEqual(printed);
  });
});
