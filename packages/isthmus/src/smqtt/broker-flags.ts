import type { Client } from "@isthmus/mqtt";
import type { Terminal } from "../command.js";
import type { FlagTable, FlagValues } from "../flags.js";
import { CONNECTION_FLAGS, planConnection, TLS_FLAGS, WILL_FLAGS } from "../mqtt/connection-flags.js";
import { type ConnectedTerminal, runClient } from "../mqtt/run-client.js";

/** A connection that carries requests and answers: one without a will. */
export const BROKER_FLAGS = { ...CONNECTION_FLAGS, ...TLS_FLAGS } as const satisfies FlagTable;

type BrokerValues = FlagValues<typeof BROKER_FLAGS>;

/** Connects as the flags say, works, and tells the exit code; see {@link runClient}. */
export async function runOnBroker(
  values: BrokerValues,
  terminal: Terminal,
  work: (client: Client, connected: ConnectedTerminal) => Promise<void>,
): Promise<number> {
  const plan = planConnection({ ...WITHOUT_WILL, ...values }, 4);
  return runClient({ ...plan, showsGranted: false }, terminal, async (connected) => {
    await work(connected.client, connected);
    return 0;
  });
}

const WITHOUT_WILL: FlagValues<typeof WILL_FLAGS> = {
  willTopic: WILL_FLAGS.willTopic.initial,
  willPayload: WILL_FLAGS.willPayload.initial,
  willQos: WILL_FLAGS.willQos.initial,
  willRetain: WILL_FLAGS.willRetain.initial,
};
