import type { JSX } from "preact";
import { formatBytes, formatCount, formatRate } from "../model/format.js";
import { summarize, viewPayload } from "../model/payload-view.js";
import type { KeptMessage, TopicEntry } from "../model/topic-entry.js";
import { ageOf } from "./age-of.js";
import type { PageProps } from "./page.js";
import { PublishForm } from "./publish-form.js";
import { ValueChart } from "./value-chart.js";

/** What is known of the selected topic, and a form to publish to it. */
export function TopicDetail({ model }: PageProps): JSX.Element {
  void model.revision.value;
  const path = model.selectedPath.value;
  const entry = path === undefined ? undefined : model.table.get(path);
  return (
    <>
      <div class="detail-head">
        <button class="back" onClick={() => model.select(undefined)}>
          ‹ Topics
        </button>
        <h2>{path ?? "Publish"}</h2>
      </div>
      {entry === undefined ? (
        path !== undefined && <p class="hint">No message of this topic is known.</p>
      ) : (
        <Entry model={model} entry={entry} />
      )}
      <PublishForm key={path} model={model} topic={path ?? ""} isRetained={entry?.newest?.retain ?? false} />
      {entry !== undefined && <Messages messages={entry.messages} />}
    </>
  );
}

function Entry({ model, entry }: PageProps & { readonly entry: TopicEntry }): JSX.Element | null {
  // It is the same topic; what is known of it is not.
  void model.revision.value;
  const { newest, messages, messageCount, ratePerSecond } = entry;
  if (newest === undefined) return null;
  const isCut = newest.payload.length < newest.sizeBytes;
  const { kind, text } = viewPayload(newest.payload, isCut);
  const rate = formatRate(ratePerSecond);
  return (
    <>
      <ul class="facts" aria-label="About the newest message">
        <li>{kind}</li>
        <li>{formatBytes(newest.sizeBytes)}</li>
        <li>QoS {newest.qos}</li>
        {newest.retain && <li>retained</li>}
        {newest.contentType !== undefined && <li>{newest.contentType}</li>}
        <li>{newest.isOfOld ? "from before" : ageOf(newest)}</li>
        <li>
          {formatCount(messageCount)} {messageCount === 1 ? "message" : "messages"}
          {rate !== "" && `, ${rate}`}
        </li>
      </ul>
      <pre class={`payload ${kind}`} aria-label="Newest payload" tabIndex={0}>
        {text}
      </pre>
      {isCut && <p class="hint">The first {formatBytes(newest.payload.length)} are shown.</p>}
      <ValueChart key={entry.topic} messages={messages} />
    </>
  );
}

function Messages({ messages }: { readonly messages: readonly KeptMessage[] }): JSX.Element {
  const epoch = Date.now() - performance.now();
  return (
    <details class="messages" open>
      <summary>Last messages</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Payload</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        <tbody>
          {messages.toReversed().map((message, at) => (
            <tr key={at}>
              <td>{message.isOfOld ? "before" : new Date(epoch + message.receivedAt).toLocaleTimeString()}</td>
              <td class="value">{summarize(message.payload)}</td>
              <td>{formatBytes(message.sizeBytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
