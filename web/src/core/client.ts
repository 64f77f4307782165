import { accountActions } from "./actions/account";
import { messageActions } from "./actions/messages";
import { peopleActions } from "./actions/people";
import { roomActions } from "./actions/rooms";
import { Core } from "./core";
import type { Environment } from "./environment";
import { Lifecycle } from "./lifecycle";
import type { Actions } from "./store";

/** A whole client on the environment given: a page has one, a test as many as it likes. */
export function makeClient(environment: Environment) {
  const core = new Core(environment);
  const lifecycle = new Lifecycle(core);
  const actions: Actions = {
    ...accountActions(core, lifecycle),
    ...messageActions(core),
    ...roomActions(core),
    ...peopleActions(core),
  };
  return { core, lifecycle, actions, useStore: core.store };
}
