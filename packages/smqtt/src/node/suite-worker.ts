import { parentPort } from "node:worker_threads";
import { loadMclGroup } from "../pairing/mcl-group.js";
import { secureRandomBytes } from "../random.js";
import { builtInSuites, createSuiteRegistry, type SuiteRegistry } from "../suites/registry.js";
import { KeyInterner } from "./key-interner.js";
import { doSuiteCall, type SuiteCall, type SuiteReply } from "./suite-calls.js";

/** Runs in a worker thread: the suites of this package, one call after the other. */
const suites = loadSuites();
const interner = new KeyInterner();

parentPort?.on("message", ({ id, call }: { id: number; call: SuiteCall }) => {
  void answer(id, call).then((reply) => parentPort?.postMessage(reply, []));
});

async function answer(id: number, call: SuiteCall): Promise<SuiteReply> {
  try {
    const suite = (await suites).get(call.suite);
    if (suite === undefined) throw new RangeError(`no suite "${call.suite}"`);
    return { id, value: await doSuiteCall(suite, interner.intern(call), secureRandomBytes) };
  } catch (cause) {
    const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
    return { id, failure: { name, message } };
  }
}

/** With mcl-wasm when it is installed, else with noble. */
async function loadSuites(): Promise<SuiteRegistry> {
  const group = await loadMclGroup().catch(() => undefined);
  return createSuiteRegistry(builtInSuites(group));
}
