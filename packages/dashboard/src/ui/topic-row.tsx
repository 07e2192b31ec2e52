import type { JSX } from "preact";
import { formatRate } from "../model/format.js";
import { summarize } from "../model/payload-view.js";
import type { TopicEntry } from "../model/topic-entry.js";
import type { TreeRow } from "../model/topic-tree.js";
import type { PageModel } from "../page-model.js";
import { ageOf } from "./age-of.js";

export interface TopicRowProps {
  readonly model: PageModel;
  readonly row: TreeRow;
  /** Which of all rows it is. */
  readonly at: number;
  /** Pixels from the top of the tree. */
  readonly top: number;
}

/** One line of the tree. */
export function TopicRow({ model, row, at, top }: TopicRowProps): JSX.Element {
  const { path, label, depth, topicsBelow, isExpanded } = row;
  // A line is the same until a topic comes or goes; what it shows is not.
  void model.revision.value;
  const entry = row.isTopic ? model.table.get(path) : undefined;
  const isSelected = model.selectedPath.value === path;
  const toggle = (event: Event): void => {
    event.stopPropagation();
    model.toggle(path, !isExpanded);
  };
  return (
    <div
      id={`row-${at}`}
      role="treeitem"
      class="row"
      aria-level={depth + 1}
      aria-selected={isSelected}
      aria-expanded={topicsBelow > 0 ? isExpanded : undefined}
      style={{ top: `${top}px`, paddingInlineStart: `${Math.min(depth, 12) * 16 + 4}px` }}
      onClick={() => model.select(path)}
    >
      <span class={topicsBelow > 0 ? "twisty" : "twisty none"} aria-hidden="true" onClick={toggle}>
        ›
      </span>
      <span class="label" title={path}>
        {label === "" ? "(empty level)" : label}
      </span>
      {!isExpanded && topicsBelow > 0 && <span class="below">{topicsBelow}</span>}
      {entry !== undefined && newestOf(entry)}
    </div>
  );
}

function newestOf({ newest, messageCount, ratePerSecond }: TopicEntry): JSX.Element | null {
  if (newest === undefined) return null;
  const isFresh = !newest.isOfOld && performance.now() - newest.receivedAt < 1000;
  return (
    <>
      {/* Each message is a new element, so that its light goes on again. */}
      <span key={messageCount} class={isFresh ? "value fresh" : "value"}>
        {summarize(newest.payload)}
      </span>
      <span class="rate">{formatRate(ratePerSecond)}</span>
      <span class="flags">
        {newest.qos > 0 && <abbr title={`QoS ${newest.qos}`}>Q{newest.qos}</abbr>}
        {newest.retain && <abbr title="retained">R</abbr>}
      </span>
      <span class="age">{ageOf(newest)}</span>
    </>
  );
}
