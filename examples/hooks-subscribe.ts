// Subscriptions as one wants to have them: nobody gets everything, and the log is for QoS 0 alone.
import { createHub } from "isthmus";

const hub = await createHub({
  hooks: {
    onSubscribe({ name }, { topicFilter }) {
      console.log(`${name} asks for ${topicFilter}`);
      if (topicFilter === "#") return { reasonCode: 0x97, reason: "name the topics that you want" };
      return topicFilter.startsWith("log/") ? { qos: 0 } : undefined;
    },
    onUnsubscribe: ({ name }, topicFilter) => console.log(`${name} has given up ${topicFilter}`),
  },
});

const panel = await hub.connect({ clientId: "panel" });
await panel.subscribe("#").catch((error: Error) => console.log(error.message));
const log = await panel.subscribe("log/+", { qos: 2 });
console.log(`granted: ${log.reasonCodes.join()}`);
await panel.unsubscribe("log/+");
await hub.close();

// Prints:
// panel asks for #
// the server refused #: quota exceeded (0x97)
// panel asks for log/+
// granted: 0
// panel has given up log/+
