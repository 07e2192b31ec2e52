// `npm run conformance`: writes the conformance pages of docs/, and lists the statements that still lack an entry.
import { writeFileSync } from "node:fs";
import { formatPage, pagePath, readConformance, sidesWithoutEntry, unknownStatements } from "./pages.ts";
import { STANDARDS } from "./statements.ts";

for (const standard of STANDARDS) {
  const conformance = readConformance(standard);
  writeFileSync(pagePath(standard), formatPage(conformance));
  for (const unknown of unknownStatements(conformance)) console.log(`MQTT ${standard} has no ${unknown}`);
  for (const statement of conformance.statements) {
    const sides = sidesWithoutEntry(conformance, statement);
    if (sides.length > 0)
      console.log(`MQTT ${standard} ${statement.number} (${sides.join(", ")}): ${statement.summary}`);
  }
}
