// Rules in code: everybody writes below their own name, and reads what is public.
import { createHub } from "isthmus";

const hub = await createHub({
  hooks: {
    authenticate: ({ user }) => (user === undefined ? undefined : { user }),
    authorizePublish: ({ user }, topic) => topic.startsWith(`users/${user}/`),
    authorizeSubscribe: (_identity, filter) => filter.startsWith("users/+/public/"),
  },
});

const ada = await hub.connect({ username: "ada" });
const status = await ada.subscribe("users/+/public/status");
await ada.subscribe("users/grace/private").catch((error: Error) => console.log(error.message));
await ada
  .publish("users/grace/public/status", "hacked", { qos: 1 })
  .catch((error: Error) => console.log(error.message));
await ada.publish("users/ada/public/status", "at work", { qos: 1 });
for await (const message of status) {
  console.log(`${message.topic}: ${message.text()}`);
  break;
}
await hub.close();

// Prints:
// the server refused users/grace/private: not authorized (0x87)
// the server refused the message to users/grace/public/status: not authorized (0x87): not authorized to publish to users/grace/public/status
// users/ada/public/status: at work
