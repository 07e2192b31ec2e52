import type { JSX } from "preact";
import type { PageProps } from "./page.js";
import { TopicDetail } from "./topic-detail.js";
import { TopicToolbar } from "./topic-toolbar.js";
import { TopicTree } from "./topic-tree.js";

/** The topics, and beside them the one that is selected; one of both where there is no room. */
export function TopicsView({ model }: PageProps): JSX.Element {
  const hasDetail = model.selectedPath.value !== undefined || model.isComposing.value;
  return (
    <main class={hasDetail ? "topics with-detail" : "topics"}>
      <section class="list" aria-label="Topics">
        <TopicToolbar model={model} />
        <TopicTree model={model} />
      </section>
      <section class="detail" aria-label="Selected topic">
        <TopicDetail model={model} />
      </section>
    </main>
  );
}
