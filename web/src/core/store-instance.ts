/** The page's one store and its verbs. */
import { makeClient } from "./client";
import { browserEnvironment } from "./environment";

const client = makeClient(browserEnvironment());
client.lifecycle.listen(window);

export const { actions, core, useStore } = client;
