/** The one door from the interface to core/; the development page puts its in-memory double in this module's place. */
export { actions, useStore } from "../core";
