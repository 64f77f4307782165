import { Monitor, Moon, Sun } from "lucide-react";
import { prefer, type Theme, usePreferences } from "../lib/preferences";
import { ICON } from "../parts/icon";
import { Part } from "./Settings";

const THEMES: { value: Theme; name: string; icon: typeof Sun }[] = [
  { value: "system", name: "Like the system", icon: Monitor },
  { value: "light", name: "Light", icon: Sun },
  { value: "dark", name: "Dark", icon: Moon },
];

/** How Hubbub looks and how the composer sends, in this browser. */
export function Appearance() {
  const { theme, enterSends } = usePreferences();
  return (
    <>
      <Part title="Colours" text="Remembered in this browser.">
        <fieldset className="grid gap-3 sm:grid-cols-3">
          <legend className="sr-only">Colours</legend>
          {THEMES.map(({ value, name, icon: Icon }) => (
            <label
              key={value}
              className="flex cursor-pointer items-center gap-3 rounded-lg px-4 py-3 shadow-[inset_0_0_0_1px_var(--line-strong)] has-checked:bg-accent-soft has-checked:shadow-[inset_0_0_0_1px_var(--accent)] has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="theme"
                value={value}
                checked={theme === value}
                onChange={() => prefer({ theme: value })}
                className="sr-only"
              />
              <Icon {...ICON} className="shrink-0 text-ink-2" />
              {name}
            </label>
          ))}
        </fieldset>
      </Part>
      <Part title="Composer">
        <label className="flex cursor-pointer items-start gap-3">
          <input
            type="checkbox"
            checked={enterSends}
            onChange={(event) => prefer({ enterSends: event.target.checked })}
            className="mt-1 size-4 shrink-0 accent-[var(--accent)]"
          />
          <span>
            <span className="block">Enter sends the message</span>
            <span className="block text-sm text-ink-2">
              Shift+Enter then breaks the line. Without it, Enter breaks the line and Ctrl or ⌘ Enter sends.
            </span>
          </span>
        </label>
      </Part>
    </>
  );
}
