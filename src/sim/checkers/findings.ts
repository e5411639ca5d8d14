/** What checkers found wrong: the first finding ends a run, and says which rule was broken. */

/** One broken rule. */
export interface Finding {
  /** A stable name of the rule, by which a replay is told to have failed alike. */
  readonly rule: string;
  readonly message: string;
}

/** Findings are kept in the order in which they came; more are of no use. */
const findingsMax = 20;

/** Where checkers report. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #told: (finding: Finding) => void;

  constructor(told: (finding: Finding) => void = () => {}) {
    this.#told = told;
  }

  get any(): boolean {
    return this.all.length > 0;
  }

  report(rule: string, message: string): void {
    if (this.all.length >= findingsMax) return;
    const finding = { rule, message };
    this.all.push(finding);
    this.#told(finding);
  }
}
