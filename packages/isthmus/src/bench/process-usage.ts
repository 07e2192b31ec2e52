import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** Linux shows processor times to user space in hundredths of a second, whatever its own clock (proc(5), USER_HZ). */
const MS_PER_TICK = 10;

/** Resident memory of a process, in bytes. */
export interface ResidentMemory {
  readonly total: number;
  /** What is the process's own: heap and stacks, without mapped files. */
  readonly anonymous: number;
}

/** Processor use of a process between two snapshots, as shares of the time between them. */
export interface ProcessShare {
  /** Of all its threads: 1 is one core. */
  readonly cpu: number;
  /** In which its main thread could run and had no core, because others had it; undefined where /proc does not tell. */
  readonly waited: number | undefined;
}

/** Processor use of both sides between two snapshots. */
export interface UsageShare {
  readonly elapsedMs: number;
  readonly generator: ProcessShare;
  /** Undefined when the broker's process id is not known or there is no /proc. */
  readonly broker: ProcessShare | undefined;
}

interface ProcessTimes {
  readonly cpuMs: number;
  readonly waitedMs: number | undefined;
}

/** Processor times at one instant. */
export interface UsageSnapshot {
  readonly at: number;
  readonly generator: ProcessTimes;
  readonly broker: ProcessTimes | undefined;
}

/** @param brokerPid undefined when the broker is not on this machine */
export function takeUsage(brokerPid: number | undefined): UsageSnapshot {
  const { user, system } = process.cpuUsage();
  const brokerCpuMs = brokerPid === undefined ? undefined : processorTimeMs(brokerPid);
  return {
    at: performance.now(),
    generator: { cpuMs: (user + system) / 1000, waitedMs: waitedTimeMs(process.pid) },
    broker:
      brokerPid === undefined || brokerCpuMs === undefined
        ? undefined
        : { cpuMs: brokerCpuMs, waitedMs: waitedTimeMs(brokerPid) },
  };
}

export function usageBetween(from: UsageSnapshot, to: UsageSnapshot): UsageShare {
  const elapsedMs = to.at - from.at;
  return {
    elapsedMs,
    generator: shareBetween(from.generator, to.generator, elapsedMs),
    broker: from.broker && to.broker && shareBetween(from.broker, to.broker, elapsedMs),
  };
}

function shareBetween(from: ProcessTimes, to: ProcessTimes, elapsedMs: number): ProcessShare {
  return {
    cpu: (to.cpuMs - from.cpuMs) / elapsedMs,
    waited:
      from.waitedMs === undefined || to.waitedMs === undefined ? undefined : (to.waitedMs - from.waitedMs) / elapsedMs,
  };
}

/** User and system time of all threads of a process; undefined where /proc does not tell. */
export function processorTimeMs(pid: number): number | undefined {
  const stat = readProc(pid, "stat");
  // The second field is the program's name in parentheses and may hold anything; the third begins behind the last one.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (!fields) return undefined;
  const ticks = Number(fields[11]) + Number(fields[12]); // utime and stime, fields 14 and 15 of proc(5)
  return Number.isNaN(ticks) ? undefined : ticks * MS_PER_TICK;
}

/** Time that the main thread of a process has waited for a core; undefined where /proc does not tell. */
function waitedTimeMs(pid: number): number | undefined {
  // Nanoseconds on a core, nanoseconds waiting for one, times it got one (proc(5), schedstat).
  const nanoseconds = Number(readProc(pid, "schedstat")?.split(" ")[1]);
  return Number.isNaN(nanoseconds) ? undefined : nanoseconds / 1e6;
}

/** What is resident of a process; undefined where /proc does not tell. */
export function residentMemory(pid: number | undefined): ResidentMemory | undefined {
  const status = pid === undefined ? undefined : readProc(pid, "status");
  if (status === undefined) return undefined;
  const total = bytesOf(status, "VmRSS");
  const anonymous = bytesOf(status, "RssAnon");
  return total === undefined || anonymous === undefined ? undefined : { total, anonymous };
}

function bytesOf(status: string, name: string): number | undefined {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return match ? Number(match[1]) * 1024 : undefined;
}

/** How many files a process may have open; undefined where /proc does not tell. */
export function openFileLimit(pid: number): number | undefined {
  const match = /^Max open files\s+(\d+)/m.exec(readProc(pid, "limits") ?? "");
  return match ? Number(match[1]) : undefined;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined; // No such process, or no /proc: not Linux.
  }
}
