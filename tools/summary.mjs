// Prints `N passed, N failed, N skipped` from vitest's JSON report; under CI a skipped test is a failure.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
if (!report.success || report.numPassedTests === 0 || (process.env.CI && skipped > 0)) process.exit(1);
