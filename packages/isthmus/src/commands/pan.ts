import { commandGroup } from "../command-group.js";

/** `isthmus pan`: radio networks of constrained nodes. */
export const command = commandGroup(
  "pan",
  "6LoWPAN over IEEE 802.15.4: frames in words, and networks of nodes that are simulated.",
  {
    simulate: { summary: "simulate a house of nodes, with a hub as its border router", load: () => import("./pan-simulate.js") }, // prettier-ignore
    sniff: { summary: "show the frames of a network as they are said", load: () => import("./pan-sniff.js") },
    decode: { summary: "take frames apart, header by header: a capture, or hexadecimal digits", load: () => import("./pan-decode.js") }, // prettier-ignore
  },
);
