#!/usr/bin/env node
const OLDEST_NODE = 22;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(`isthmus: needs Node ${OLDEST_NODE} or newer, and this is ${process.version}\n`);
  process.exitCode = 1;
} else {
  const { main } = await import("../dist/bundle/cli.js");
  process.exitCode = await main(process.argv.slice(2));
}
