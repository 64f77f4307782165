import type { Problem } from "./wire";

/** Anything that went wrong with a command. `message` is one or two plain sentences, fit to be shown. */
export class ApiError extends Error {
  override name = "ApiError";
  /** HTTP status; 0 when the server could not be reached. */
  readonly status: number;
  readonly problem: Problem | null;
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter: number | null;

  constructor(message: string, status: number, problem: Problem | null = null, retryAfter: number | null = null) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Messages about single fields of the form, by the field's name. */
  get fields(): Record<string, string> {
    const fields: Record<string, string> = {};
    for (const { loc, msg } of this.problem?.errors ?? []) {
      const name = loc.at(-1);
      if (name !== undefined) fields[name] ??= msg;
    }
    return fields;
  }

  /** The same command may succeed later without being changed. */
  get temporary(): boolean {
    return this.status === 0 || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

/** RFC 9457 does not know `retry_after`; the contract adds it to 429 and 503. */
type TimedProblem = Problem & { retry_after?: number };

export function fromProblem(
  problem: Partial<TimedProblem> | null | undefined,
  status: number,
  retryAfter?: number | null,
) {
  const wait = retryAfter ?? (typeof problem?.retry_after === "number" ? problem.retry_after : null);
  const code = problem?.status ?? status;
  return new ApiError(
    sentence(problem, code, wait),
    code,
    problem ? ({ ...problem, status: code } as Problem) : null,
    wait,
  );
}

export function unreachable(): ApiError {
  return new ApiError("The server can't be reached. Check your connection and try again.", 0);
}

function sentence(problem: Partial<Problem> | null | undefined, status: number, wait: number | null): string {
  if (status === 429) return `Too many tries. Try again ${inWords(wait)}.`;
  if (status === 503) return `The server is busy. Try again ${inWords(wait)}.`;
  if (status >= 500) return "The server had a problem. Try again in a moment.";
  const first = problem?.errors?.[0];
  if (first) return finished(`${label(first.loc)}${first.msg}`);
  return finished(problem?.detail || problem?.title || `The server refused this (${status})`);
}

function label(loc: string[]): string {
  const name = loc.at(-1);
  return name === undefined || name === "body"
    ? ""
    : `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("_", " ")}: `;
}

function finished(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function inWords(seconds: number | null): string {
  if (seconds === null) return "in a moment";
  if (seconds < 90) return `in ${Math.max(1, Math.ceil(seconds))} seconds`;
  return `in ${Math.ceil(seconds / 60)} minutes`;
}
