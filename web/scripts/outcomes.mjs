// Writes what became of a run into the file that HUBBUB_OUTCOMES names, for scripts/runners.py to read.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

/** Whether a file failed only where a test of it failed: not while it was loaded, and in no hook around groups. */
function failedByTests(module) {
  return [module, ...module.children.allSuites()].every((group) => group.errors().length === 0);
}

export default class Outcomes {
  /** `passed` and `skipped` count tests, `failed` names them, `whole` says that nothing else went wrong. */
  onTestRunEnd(modules, errors, reason) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state) => tests.filter((test) => test.result().state === state);
    const place = (test) => relative(process.cwd(), test.module.moduleId);
    const outcomes = {
      passed: inState("passed").length,
      skipped: inState("skipped").length,
      failed: inState("failed").map((test) => `${place(test)}: ${test.fullName}`),
      whole: reason !== "interrupted" && errors.length === 0 && tests.length > 0 && modules.every(failedByTests),
    };
    writeFileSync(process.env.HUBBUB_OUTCOMES, JSON.stringify(outcomes));
  }
}
