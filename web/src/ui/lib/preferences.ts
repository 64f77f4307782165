/** What this browser remembers of the person's taste; nothing of it goes to the server. */
import { create } from "zustand";

export type Theme = "system" | "light" | "dark";

interface Preferences {
  theme: Theme;
  /** Whether Enter sends; otherwise Ctrl or Cmd+Enter does. */
  enterSends: boolean;
  lastRoom: string | null;
  /** The offer of the sample workspace was declined. */
  sampleDeclined: boolean;
}

const STORED = "hubbub.preferences";
const DEFAULTS: Preferences = { theme: "system", enterSends: true, lastRoom: null, sampleDeclined: false };

function read(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return { ...DEFAULTS, ...(stored as Partial<Preferences>) };
  } catch {
    return DEFAULTS;
  }
}

export const usePreferences = create<Preferences>(read);

export function prefer(change: Partial<Preferences>): void {
  usePreferences.setState(change);
  try {
    localStorage.setItem(STORED, JSON.stringify(usePreferences.getState()));
  } catch {
    // Private windows may refuse storage; the choice then holds until the page is closed.
  }
}

function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
}

/** Puts the chosen theme on the page now and whenever it changes, in this tab or another. */
export function followTheme(): void {
  applyTheme(usePreferences.getState().theme);
  usePreferences.subscribe(({ theme }) => applyTheme(theme));
  window.addEventListener("storage", (event) => {
    if (event.key === STORED) usePreferences.setState(read());
  });
}
