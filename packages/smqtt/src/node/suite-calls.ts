import type { Grant, Suite, SuiteMaster, SuitePublisher, SuiteReader, WrapTarget } from "../suites/suite.js";
import type { RandomBytes } from "../random.js";

/** A call of a suite, as it goes to a worker: plain values and bytes. */
export type SuiteCall =
  | { readonly method: "setup"; readonly suite: string }
  | { readonly method: "enrol"; readonly suite: string; readonly master: SuiteMaster; readonly grant: Grant }
  | {
      readonly method: "rotate";
      readonly suite: string;
      readonly master: SuiteMaster;
      readonly revoked: readonly Uint8Array[];
    }
  | {
      readonly method: "wrap";
      readonly suite: string;
      readonly publisher: SuitePublisher;
      readonly target: WrapTarget;
      readonly context: Uint8Array;
    }
  | {
      readonly method: "unwrap";
      readonly suite: string;
      readonly reader: SuiteReader;
      readonly wrap: Uint8Array;
      readonly context: Uint8Array;
    };

/** What comes back. */
export type SuiteReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: { readonly name: string; readonly message: string } };

/** Does a call. */
export async function doSuiteCall(suite: Suite, call: SuiteCall, random: RandomBytes): Promise<unknown> {
  if (call.method === "setup") return suite.setup(random);
  if (call.method === "enrol") return suite.enrol(call.master, call.grant, random);
  if (call.method === "rotate") return suite.rotate(call.master, call.revoked, random);
  if (call.method === "wrap") return suite.wrap(call.publisher, call.target, call.context, random);
  return suite.unwrap(call.reader, call.wrap, call.context);
}
