export { ApiError } from "./problem";
export { actions, useStore } from "./store-instance";
