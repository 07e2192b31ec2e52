import type { JSX, TargetedEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fieldText } from "./field-text.js";
import type { PageProps } from "./page.js";

/** Asks who it is. */
export function SignIn({ model }: PageProps): JSX.Element {
  const state = model.connectionState.value;
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    model.signIn({ username: fieldText(data, "username"), password: fieldText(data, "password") });
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <h2>Sign in to this hub</h2>
        <label>
          User
          <input
            ref={first}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
          />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" />
        </label>
        {"reason" in state && state.reason !== undefined && (
          <p class="problem" role="alert">
            {state.reason}
          </p>
        )}
        <div class="actions">
          <button class="primary" disabled={state.type === "connecting"}>
            Sign in
          </button>
          {state.type === "open" && (
            <button type="button" onClick={() => (model.isSigningIn.value = false)}>
              Cancel
            </button>
          )}
        </div>
        <p class="hint">The page keeps them in memory until it is closed or reloaded.</p>
      </form>
    </main>
  );
}
