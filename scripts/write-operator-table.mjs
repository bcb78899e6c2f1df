/** Writes docs/operators.md from the tables of gradient rules and decompositions: npm run docs. */
import { writeFileSync } from "node:fs";
import { operatorTable } from "../dist/src/passes/decompose/operator-table.js";

writeFileSync(new URL("../docs/operators.md", import.meta.url), operatorTable());
