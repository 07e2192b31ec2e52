export { DeadlineQueue, type Scheduled } from "./deadline-queue.js";
export { type Instant, type Machine, NEVER, earliest } from "./instant.js";
export { PingPong } from "./ping-pong.js";
export { TimerTable } from "./timer-table.js";
export { type RandomSource, SeededRandom } from "./random.js";
