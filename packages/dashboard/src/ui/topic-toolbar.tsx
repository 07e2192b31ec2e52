import type { JSX, TargetedEvent } from "preact";
import { formatCount } from "../model/format.js";
import { fieldText } from "./field-text.js";
import type { PageProps } from "./page.js";

/** Search, pause, and how much there is. */
export function TopicToolbar({ model }: PageProps): JSX.Element {
  const isPaused = model.isPaused.value;
  return (
    <>
      <div class="toolbar">
        <input
          type="search"
          aria-label="Find topics"
          placeholder="Find: kitchen or house/+/temperature"
          spellcheck={false}
          autocapitalize="none"
          value={model.query.value}
          onInput={(event) => (model.query.value = event.currentTarget.value)}
        />
        <button aria-pressed={isPaused} onClick={() => model.setPaused(!isPaused)}>
          {isPaused ? "Resume" : "Pause"}
        </button>
        <button class="compose" onClick={() => (model.isComposing.value = true)}>
          Publish
        </button>
      </div>
      <WatchedFilter model={model} />
    </>
  );
}

/** What is subscribed to, and a way to something else. */
function WatchedFilter({ model }: PageProps): JSX.Element {
  // Counts are of the latest picture.
  void model.revision.value;
  const { size, forgottenTopics } = model.table;
  const refusal = model.refusal.value;
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const filter = fieldText(new FormData(event.currentTarget), "filter").trim();
    if (filter !== "" && filter !== model.filter.value) model.watch(filter);
  };
  return (
    <form class="watched" onSubmit={submit}>
      <label>
        Subscribed to <input name="filter" defaultValue={model.filter.value} spellcheck={false} autocapitalize="none" />
      </label>
      <span class="count">
        {formatCount(size)} {size === 1 ? "topic" : "topics"}
      </span>
      {refusal !== undefined && (
        <p class="problem" role="alert">
          {refusal}
        </p>
      )}
      {forgottenTopics > 0 && (
        <p class="hint">
          More topics than the page keeps: {formatCount(forgottenTopics)} were silent for longest and are not shown.
          Subscribe to fewer.
        </p>
      )}
    </form>
  );
}
