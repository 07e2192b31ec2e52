// Users from somewhere else: the hook lets them in, turns them away, or leaves it to the settings.
import { createHub } from "isthmus";

const users = new Map([["ada", "engine"]]);

const hub = await createHub({
  hooks: {
    // It may as well return a promise: only this client waits for it.
    authenticate({ user, password }) {
      if (user === undefined) return undefined;
      const isRight = password !== undefined && new TextDecoder().decode(password) === users.get(user);
      return isRight ? { user } : { reasonCode: 0x86, reason: "wrong user name or password" };
    },
  },
});

const ada = await hub.connect({ username: "ada", password: "engine" });
console.log("ada is in");
await hub.connect({ username: "ada", password: "loom" }).catch((error: Error) => console.log(error.message));
await hub.connect().catch((error: Error) => console.log(error.message));
await ada.close();
await hub.close();

// Prints:
// ada is in
// the server refused the connection: bad user name or password (0x86): wrong user name or password
// the server refused the connection: not authorized (0x87): anonymous clients are not allowed
