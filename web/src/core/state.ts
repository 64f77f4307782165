import type { State } from "./store";

/** Nothing is known yet, not even whether somebody is signed in. */
export const START: State = {
  phase: "starting",
  setup: null,
  me: null,
  workspace: null,
  people: {},
  online: {},
  rooms: {},
  timelines: {},
  threads: {},
  typing: {},
  drafts: {},
  linked: {},
  notice: null,
  stats: null,
  connection: { state: "connecting", queued: 0, caughtUp: null, update: false },
};
