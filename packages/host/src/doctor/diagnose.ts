/** What the facts of a guest come to. */
import type { Facts } from "./facts.ts";
import type { Finding, Severity } from "./finding.ts";
import { rules } from "./findings/index.ts";

const ORDER: Readonly<Record<Severity, number>> = { problem: 0, warning: 1, note: 2 };

/** Its findings, the gravest first. */
export function diagnose(facts: Facts): Finding[] {
  return rules
    .flatMap(({ id, find }) => {
      const found = find(facts);
      return found === undefined ? [] : [{ id, ...found }];
    })
    .toSorted((one, other) => ORDER[one.severity] - ORDER[other.severity]);
}

/** Whether it is protected, whatever there is to note. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}
