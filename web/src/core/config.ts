/** Where the server is, read at run time from `/config.js`, so that one build serves every environment. */

declare global {
  interface Window {
    HUBBUB?: { api?: string; socket?: string };
  }
}

export interface Config {
  /** Prefix of every HTTP path; empty for the origin the page came from. */
  api: string;
  /** Origin of the socket; undefined for the origin the page came from. */
  socket: string | undefined;
}

export function readConfig(from: Window["HUBBUB"] = globalThis.window?.HUBBUB): Config {
  const api = (from?.api ?? "").replace(/\/+$/, "");
  const socket = (from?.socket ?? "").replace(/\/+$/, "") || api || undefined;
  return { api, socket };
}
