import type { JSX } from "preact";
import type { PageProps } from "./page.js";

/** What the hub says of itself. */
export function HubView({ model }: PageProps): JSX.Element {
  void model.revision.value;
  const facts = model.status.facts();
  return (
    <main class="page">
      <h2>Hub</h2>
      {facts.length === 0 && <p class="hint">The hub tells nothing of itself to this user.</p>}
      <dl class="tiles">
        {facts.map(({ name, value }) => (
          <div key={name} class="card">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {facts.length > 0 && (
        <details class="messages">
          <summary>All of it</summary>
          <table>
            <tbody>
              {model.status.values().map(({ name, value }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="value">{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </main>
  );
}
