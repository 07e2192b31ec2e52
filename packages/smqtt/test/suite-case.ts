import { type Grant, type SuiteEnrolment, type SuitePublisher, type SuiteReader } from "../src/suites/suite.js";
import { x25519 } from "@noble/curves/ed25519.js";

/** 2025-11-22T21:30:00Z */
export const NOW = Date.UTC(2025, 10, 22, 21, 30) / 1000;

export interface DeviceKeys {
  readonly subject: Uint8Array;
  readonly exchangeSecret: Uint8Array;
  readonly exchangeKey: Uint8Array;
}

export function deviceKeys(number: number): DeviceKeys {
  const exchangeSecret = new Uint8Array(32).fill(number + 1);
  return { subject: new Uint8Array(8).fill(number), exchangeSecret, exchangeKey: x25519.getPublicKey(exchangeSecret) };
}

export function grantOf(granted: Partial<Grant>, device: DeviceKeys = deviceKeys(1)): Grant {
  return {
    subject: device.subject,
    exchangeKey: device.exchangeKey,
    subscribe: [],
    publish: [],
    attributes: [],
    isForwardOnly: false,
    validity: { from: NOW - 86_400, until: NOW + 86_400 },
    ...granted,
  };
}

export function publisherOf({ master, writerKey }: SuiteEnrolment): SuitePublisher {
  return { parameters: master.parameters, generation: master.generation, writerKey };
}

export function readerOf({ master, readerKey }: SuiteEnrolment, device: DeviceKeys = deviceKeys(1)): SuiteReader {
  if (readerKey === undefined) throw new Error("no reader key was issued");
  return { parameters: master.parameters, readerKey, subject: device.subject, exchangeSecret: device.exchangeSecret };
}
