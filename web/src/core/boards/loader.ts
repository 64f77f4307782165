/**
 * Loads boards. While a page is on its way, the entries applied meanwhile are recorded and applied to it when it is
 * there, so that the page and the log meet without a gap, whichever is ahead.
 */
import type { Core } from "../core";
import { ApiError } from "../problem";
import type { Entry } from "../wire";
import type { Confirmed } from "./draft";
import type { Held } from "./held";
import { getNamed } from "./people";
import { fromPage, reduceBoard, type Viewer } from "./reduce";
import type { BoardPage } from "./wire";

/** Tasks of each list for the first sight, and then all there may be. */
const FIRST = 50;
const ALL = 10_000;
const ATTEMPTS = 5;
const LAG_MS = 200;
const RETRY_MS = 4_000;

export interface LoaderIO {
  core: Core;
  viewer(): Viewer;
  /** Applies what waits. */
  flush(held: Held): void;
  take(held: Held, confirmed: Confirmed): void;
  refused(held: Held): void;
  /** Nothing can be shown, because of this. */
  failed(held: Held, why: string): void;
}

export class Loader {
  constructor(private readonly io: LoaderIO) {}

  /** First what is seen first, then everything; again while something is missing. Once at a time. */
  async load(held: Held): Promise<void> {
    if (held.loading) return;
    held.loading = true;
    try {
      do {
        const { turn } = held;
        const confirmed = await this.fetch(held, held.confirmed ? ALL : FIRST, held.confirmed?.seq ?? 0);
        if (turn === held.turn) this.io.take(held, confirmed);
      } while (held.open > 0 && !held.gone && lacks(held));
    } catch (error) {
      this.failed(held, error);
    } finally {
      held.loading = false;
    }
  }

  /** Whatever was there before; gives the seq it corresponds to. Rejects with ApiError. */
  async reload(held: Held): Promise<number> {
    held.turn += 1;
    const { turn } = held;
    const confirmed = await this.fetch(held, held.confirmed ? ALL : FIRST, 0);
    if (turn !== held.turn) return held.confirmed?.seq ?? confirmed.seq;
    this.io.take(held, confirmed);
    if (lacks(held)) void this.load(held);
    return confirmed.seq;
  }

  private failed(held: Held, error: unknown): void {
    if (held.gone || held.open <= 0) return;
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) this.io.refused(held);
    else if (held.confirmed) {
      const again = () => {
        if (held.open > 0 && lacks(held)) void this.load(held);
      };
      setTimeout(again, RETRY_MS * (1 + Math.random()));
    } else this.io.failed(held, error instanceof ApiError ? error.message : "The board can't be loaded. Try again.");
  }

  /** A page with everything applied that has been applied so far. One older than `floor` is asked for again. */
  private async fetch(held: Held, first: number, floor: number): Promise<Confirmed> {
    this.io.flush(held);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      // A copy of the database may lag behind.
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LAG_MS * 2 ** attempt));
      const recording: Entry[] = [];
      held.recordings.add(recording);
      try {
        const page = await getNamed<BoardPage>(this.io.core, `/api/boards/${held.id}`, { first });
        this.io.flush(held);
        const other = page.stream !== held.stream;
        if (other || page.head >= floor) return reduceBoard(fromPage(page), other ? [] : recording, this.io.viewer());
      } finally {
        held.recordings.delete(recording);
      }
    }
    throw new ApiError("The board can't be loaded just now. Try again in a moment.", 503);
  }
}

/** Whether something of the board is not here. */
export function lacks({ confirmed }: Held): boolean {
  return !confirmed || confirmed.partial || confirmed.stale;
}
