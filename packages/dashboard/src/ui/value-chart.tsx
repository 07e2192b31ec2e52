import type { JSX } from "preact";
import { type ChartLine, chartLines, type ChartPoint, type ChartScale, chartScale } from "../model/chart-lines.js";
import { formatAge } from "../model/format.js";
import type { KeptMessage } from "../model/topic-entry.js";

const WIDTH = 480;
const HEIGHT = 150;
/** Room for what is written at the axes. */
const LEFT = 48;
const BOTTOM = 20;
const TOP = 6;
const RIGHT = 6;

/** The numbers of the last messages over time; nothing where there are fewer than two. */
export function ValueChart({ messages }: { readonly messages: readonly KeptMessage[] }): JSX.Element | null {
  const lines = chartLines(messages);
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return null;
  const scale = chartScale(all.map(({ value }) => value));
  const firstAt = Math.min(...all.map(({ at }) => at));
  const lastAt = Math.max(...all.map(({ at }) => at));
  const place = ({ at, value }: ChartPoint): readonly [x: number, y: number] => {
    const along = lastAt > firstAt ? (at - firstAt) / (lastAt - firstAt) : 1;
    return [LEFT + along * (WIDTH - LEFT - RIGHT), heightOf(value, scale)];
  };
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Chart of ${lines.map(describe).join(", ")}`}>
        {scale.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={heightOf(tick, scale)} y2={heightOf(tick, scale)} />
            <text x={LEFT - 8} y={heightOf(tick, scale) + 4} text-anchor="end">
              {formatTick(tick)}
            </text>
          </g>
        ))}
        <text x={LEFT} y={HEIGHT - 2}>
          {agoOf(firstAt)}
        </text>
        <text x={WIDTH - RIGHT} y={HEIGHT - 2} text-anchor="end">
          {agoOf(lastAt)}
        </text>
        {lines.map(({ name, points }, at) => (
          <g key={name} class={`line-${at + 1}`}>
            <polyline points={points.map((point) => place(point).join(",")).join(" ")} />
            {points.map((point, index) => {
              const [x, y] = place(point);
              return <circle key={index} cx={x} cy={y} r={index === points.length - 1 ? 4 : 2} />;
            })}
          </g>
        ))}
      </svg>
      {lines.length > 1 && (
        <figcaption>
          {lines.map(({ name }, at) => (
            <span key={name} class={`line-${at + 1}`}>
              ● {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  );
}

function heightOf(value: number, { minimum, maximum }: ChartScale): number {
  return HEIGHT - BOTTOM - ((value - minimum) / (maximum - minimum)) * (HEIGHT - BOTTOM - TOP);
}

function describe({ name, points }: ChartLine): string {
  return `${name}, ${points.length} values, now ${points.at(-1)?.value}`;
}

function formatTick(value: number): string {
  const size = Math.abs(value);
  return size >= 1e6 || (size > 0 && size < 1e-3) ? value.toExponential(1) : String(value);
}

function agoOf(at: number): string {
  const age = formatAge(performance.now() - at);
  return age === "now" ? age : `${age} ago`;
}
