import type { JSX } from "preact";
import type { ConnectionState } from "../model/hub-connection.js";
import type { View } from "../page-model.js";
import type { PageProps } from "./page.js";

const VIEWS: readonly (readonly [view: View, title: string])[] = [
  ["topics", "Topics"],
  ["devices", "Devices"],
  ["hub", "Hub"],
];

/** The name, the views, and how the connection is. */
export function TopBar({ model }: PageProps): JSX.Element {
  const state = model.connectionState.value;
  const username = model.username.value;
  const signIn = <button onClick={() => (model.isSigningIn.value = true)}>Sign in</button>;
  const signOut = <button onClick={() => model.signOut()}>Sign out</button>;
  return (
    <header class="top-bar">
      <h1>
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <circle cx="7" cy="16" r="5" />
          <circle cx="25" cy="16" r="5" />
          <path d="M9 16h14" />
        </svg>
        isthmus
      </h1>
      <nav aria-label="Views">
        {VIEWS.map(([view, title]) => (
          <button
            key={view}
            aria-current={model.view.value === view ? "page" : undefined}
            onClick={() => model.show(view)}
          >
            {title}
          </button>
        ))}
      </nav>
      <p class={`connection ${state.type}`} role="status">
        {textOf(state)}
      </p>
      {(state.type === "waiting" || state.type === "failed") && (
        <button onClick={() => model.reconnect()}>Connect now</button>
      )}
      <div class="user">
        {state.type === "open" && username !== undefined && <span class="name">{username}</span>}
        {!model.isSigningIn.value && (username === undefined ? signIn : signOut)}
      </div>
    </header>
  );
}

function textOf(state: ConnectionState): string {
  switch (state.type) {
    case "connecting":
      return "connecting";
    case "open":
      return "connected";
    case "waiting":
      return "connection lost, trying again";
    case "sign-in":
      return "not signed in";
    case "failed":
      return state.reason;
  }
}
