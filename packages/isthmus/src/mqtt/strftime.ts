const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const two = (number: number): string => String(number).padStart(2, "0");
const blankTwo = (number: number): string => String(number).padStart(2, " ");
const short = (name: string | undefined): string => (name ?? "").slice(0, 3);
const hour12 = (date: Date): number => date.getHours() % 12 || 12;

/** The conversions of strftime(3) in the C locale and the local time zone, each by its letter. */
const CONVERSIONS: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => short(DAYS[date.getDay()]),
  A: (date) => DAYS[date.getDay()] ?? "",
  b: (date) => short(MONTHS[date.getMonth()]),
  B: (date) => MONTHS[date.getMonth()] ?? "",
  c: (date) => each("a b e H:M:S Y", date),
  C: (date) => two(Math.floor(date.getFullYear() / 100)),
  d: (date) => two(date.getDate()),
  D: (date) => each("m/d/y", date),
  e: (date) => blankTwo(date.getDate()),
  F: (date) => each("Y-m-d", date),
  g: (date) => two(isoWeek(date).year % 100),
  G: (date) => String(isoWeek(date).year),
  h: (date) => short(MONTHS[date.getMonth()]),
  H: (date) => two(date.getHours()),
  I: (date) => two(hour12(date)),
  j: (date) => String(dayOfYear(date) + 1).padStart(3, "0"),
  k: (date) => blankTwo(date.getHours()),
  l: (date) => blankTwo(hour12(date)),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  n: () => "\n",
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getHours() < 12 ? "am" : "pm"),
  r: (date) => `${each("I:M:S", date)} ${date.getHours() < 12 ? "AM" : "PM"}`,
  R: (date) => each("H:M", date),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => two(date.getSeconds()),
  t: () => "\t",
  T: (date) => each("H:M:S", date),
  u: (date) => String(date.getDay() || 7),
  U: (date) => two(Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7)),
  V: (date) => two(isoWeek(date).week),
  w: (date) => String(date.getDay()),
  W: (date) => two(Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7)),
  x: (date) => each("m/d/y", date),
  X: (date) => each("H:M:S", date),
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: (date) => zoneOffset(date),
  Z: (date) => zoneName(date),
};

/**
 * What strftime(3) makes of `%` and `letter` for a date, in the C locale and the local time zone; undefined for a letter
 * that it does not know.
 */
export function strftime(letter: string, date: Date): string | undefined {
  return Object.hasOwn(CONVERSIONS, letter) ? CONVERSIONS[letter]?.(date) : undefined;
}

/** A pattern in which each letter is a conversion. */
function each(pattern: string, date: Date): string {
  return pattern.replaceAll(/[A-Za-z]/g, (letter) => strftime(letter, date) ?? letter);
}

/** From 0. */
function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000;
}

/** ISO 8601: week 1 is the one with the year's first Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 3 - ((date.getDay() + 6) % 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

/** `+0100` */
function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(absolute / 60))}${two(absolute % 60)}`;
}

/** As ICU abbreviates it: UTC, EST, GMT+5:30. */
function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}
