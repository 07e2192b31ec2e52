import { commandGroup } from "../command-group.js";

/** `isthmus smqtt`: its commands in the order in which one needs them. */
export const command = commandGroup(
  "smqtt",
  "Secure MQTT: a message is encrypted once, and opened by exactly those whose keys allow it. Any broker will do.",
  {
    setup: { summary: "make an authority, which says who may read what", load: () => import("./smqtt-setup.js") },
    enrol: { summary: "register a device: here, over a broker, or by files", load: () => import("./smqtt-enrol.js") },
    invite: { summary: "let one device enrol by itself", load: () => import("./smqtt-invite.js") },
    authority: { summary: "answer the requests of devices", load: () => import("./smqtt-authority.js") },
    renew: { summary: "give devices fresh keys", load: () => import("./smqtt-renew.js") },
    revoke: { summary: "shut devices out from now on", load: () => import("./smqtt-revoke.js") },
    inspect: { summary: "show what is in a key file, a message or a wrap", load: () => import("./smqtt-inspect.js") },
    pub: { summary: "publish messages sealed", load: () => import("./smqtt-pub.js") },
    sub: { summary: "subscribe, and print the messages that open", load: () => import("./smqtt-sub.js") },
  },
);
