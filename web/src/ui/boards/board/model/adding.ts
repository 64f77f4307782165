/** What is typed or pasted into the field for new tasks. */
const SHORTEST_TITLE = 3;
const LONGEST_TITLE = 100;

/** The lines that could each be a task: list marks and empty lines are left out. */
export function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/^\s*(?:[-*•]\s+(?:\[[ xX]\]\s+)?|\d+[.)]\s+)/, "").trim())
    .filter((line) => line !== "");
}

/** Why this can't be a title: one sentence, or null. */
export function titleProblem(title: string): string | null {
  const length = [...title.trim()].length;
  if (length >= SHORTEST_TITLE && length <= LONGEST_TITLE) return null;
  return length > LONGEST_TITLE
    ? `A title has at most ${LONGEST_TITLE} characters; this one has ${length}.`
    : `A title has at least ${SHORTEST_TITLE} characters.`;
}

/** Lines that can be titles, and those that can't. */
export function sortLines(lines: string[]): { good: string[]; bad: string[] } {
  const good = lines.filter((line) => titleProblem(line) === null);
  return { good, bad: lines.filter((line) => titleProblem(line) !== null) };
}
