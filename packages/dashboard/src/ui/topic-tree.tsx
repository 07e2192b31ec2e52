import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { compileQuery, type TreeRow, treeRows } from "../model/topic-tree.js";
import type { PageModel } from "../page-model.js";
import type { PageProps } from "./page.js";
import { TopicRow } from "./topic-row.js";

/** As in the style sheet. */
const ROW_HEIGHT = 34;
/** Rows that are drawn above and below what is seen. */
const MARGIN_ROWS = 8;
const NONE: ReadonlySet<string> = new Set();

/** The tree of topics. Only the lines in sight are drawn: there may be thousands. */
export function TopicTree({ model }: PageProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const revision = useComputed(() => model.revision.value >= 0 && model.table.revision);
  const rows = useComputed(() => {
    // A line comes or goes when a topic does.
    void revision.value;
    return rowsOf(model);
  });
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => (height.value = element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, [height]);
  // Rows show the newest values.
  void model.revision.value;
  const all = rows.value;
  const first = Math.max(0, Math.floor(top.value / ROW_HEIGHT) - MARGIN_ROWS);
  const last = Math.ceil((top.value + height.value) / ROW_HEIGHT) + MARGIN_ROWS;
  const selectedAt = all.findIndex(({ path }) => path === model.selectedPath.value);
  const move = (event: KeyboardEvent): void => {
    const at = handleKey(event, model, all, selectedAt);
    if (at === undefined) return;
    event.preventDefault();
    model.select(all[at]?.path);
    if (scroller.current !== null) bringIntoSight(scroller.current, at);
  };
  return (
    <div class="tree-scroller" ref={scroller} onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      <div
        role="tree"
        aria-label="Topics"
        tabIndex={0}
        aria-activedescendant={selectedAt >= first && selectedAt < last ? `row-${selectedAt}` : undefined}
        style={{ height: `${all.length * ROW_HEIGHT}px` }}
        onKeyDown={move}
      >
        {all.slice(first, last).map((row, index) => (
          <TopicRow key={row.path} model={model} row={row} at={first + index} top={(first + index) * ROW_HEIGHT} />
        ))}
      </div>
      {all.length === 0 && <NothingYet model={model} />}
    </div>
  );
}

function NothingYet({ model }: PageProps): JSX.Element {
  if (model.table.size > 0) return <p class="nothing">No topic is like this.</p>;
  return (
    <div class="nothing">
      <p>Nothing was published yet. Try it, in a terminal or with the form of this page:</p>
      <pre>mosquitto_pub -t house/kitchen/temperature -m 21.5</pre>
    </div>
  );
}

function rowsOf(model: PageModel): TreeRow[] {
  const query = model.query.value;
  const isWanted = compileQuery(query);
  const topics: string[] = [];
  for (const { topic } of model.table.entries()) if (isWanted(topic)) topics.push(topic);
  // What was found is shown wherever it is.
  return treeRows(topics, query.trim() === "" ? model.collapsedPaths.value : NONE);
}

/** Moves as in every tree (WAI-ARIA Authoring Practices, Tree View). @returns the row to go to. */
function handleKey({ key }: KeyboardEvent, model: PageModel, rows: readonly TreeRow[], at: number): number | undefined {
  const row = rows[at];
  const isOpen = row !== undefined && row.isExpanded && row.topicsBelow > 0;
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, rows.length - 1);
    case "ArrowUp":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return rows.length - 1;
    case "ArrowRight":
      if (isOpen) return at + 1;
      if (row !== undefined) model.toggle(row.path, true);
      return at < 0 ? 0 : at;
    case "ArrowLeft":
      if (isOpen) model.toggle(row.path, false);
      return isOpen ? at : parentOf(rows, at);
    default:
      return undefined;
  }
}

function parentOf(rows: readonly TreeRow[], at: number): number {
  const depth = rows[at]?.depth ?? 0;
  for (let above = at - 1; above >= 0; above--) if ((rows[above]?.depth ?? 0) < depth) return above;
  return Math.max(at, 0);
}

function bringIntoSight(scroller: HTMLElement, at: number): void {
  const top = at * ROW_HEIGHT;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const below = top + ROW_HEIGHT - scroller.clientHeight;
  if (below > scroller.scrollTop) scroller.scrollTop = below;
}
