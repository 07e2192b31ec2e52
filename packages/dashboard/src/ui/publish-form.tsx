import type { QoS } from "@isthmus/mqtt";
import { useSignal } from "@preact/signals";
import type { JSX, TargetedEvent } from "preact";
import type { PageModel } from "../page-model.js";
import { fieldText } from "./field-text.js";

export interface PublishFormProps {
  readonly model: PageModel;
  /** What is selected. */
  readonly topic: string;
  /** Whether the topic has a retained value, which can be cleared. */
  readonly isRetained: boolean;
}

/** Publishes a message, or clears a topic's retained value. */
export function PublishForm({ model, topic, isRetained }: PublishFormProps): JSX.Element {
  const outcome = useSignal<{ readonly text: string; readonly isProblem: boolean } | undefined>(undefined);
  const isOpen = model.connectionState.value.type === "open";
  const report = (work: Promise<void>, done: string): void => {
    outcome.value = undefined;
    work.then(
      () => (outcome.value = { text: done, isProblem: false }),
      (error: unknown) =>
        (outcome.value = { text: error instanceof Error ? error.message : String(error), isProblem: true }),
    );
  };
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const publication = {
      topic: fieldText(data, "topic"),
      payload: fieldText(data, "payload"),
      // What is chosen is one of the three.
      qos: Number(data.get("qos")) as QoS,
      retain: data.has("retain"),
    };
    report(model.publish(publication), `Published to ${publication.topic}`);
  };
  return (
    <form class="card publish" aria-label="Publish a message" onSubmit={submit}>
      <label>
        Topic
        <input name="topic" defaultValue={topic} spellcheck={false} autocapitalize="none" required />
      </label>
      <label>
        Payload
        <textarea name="payload" rows={2} spellcheck={false} />
      </label>
      <div class="actions">
        <label>
          QoS{" "}
          <select name="qos">
            <option>0</option>
            <option>1</option>
            <option>2</option>
          </select>
        </label>
        <label>
          <input type="checkbox" name="retain" /> Retain
        </label>
        <span class="buttons">
          {isRetained && (
            <button
              type="button"
              disabled={!isOpen}
              onClick={() => report(model.clearValue(topic), `Cleared ${topic}`)}
            >
              Clear value
            </button>
          )}
          <button class="primary" disabled={!isOpen}>
            Publish
          </button>
        </span>
      </div>
      <p class={outcome.value?.isProblem === true ? "problem" : "hint"} role="status">
        {outcome.value?.text}
      </p>
    </form>
  );
}
