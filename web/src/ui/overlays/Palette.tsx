import { Dialog } from "@base-ui/react/dialog";
import { Search, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import type { Id } from "../../core/wire";
import { useRoomTitle } from "../lib/rooms";
import { ICON } from "../parts/icon";
import { closeOverlay } from "../state";
import { useStore } from "../store";
import { type Result, useResults } from "./palette-results";

/** Finds rooms, people, messages and actions. Within a room: its messages. */
export default function Palette({ room }: { room?: Id }) {
  const [scope, setScope] = useState(room);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const scoped = useStore((state) => (scope ? state.rooms[scope] : undefined));
  const scopeTitle = useRoomTitle(scoped);
  const { sections, searching } = useResults(query, scope);
  const results = sections.flatMap((section) => section.results);
  const current = Math.min(at, results.length - 1);

  useEffect(() => {
    list.current?.querySelector(`[id="${id}-${current}"]`)?.scrollIntoView({ block: "nearest" });
  }, [id, current]);

  const run = (result: Result | undefined) => {
    if (!result) return;
    closeOverlay();
    result.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const { length } = results;
    if (event.key === "ArrowDown") setAt(length ? (current + 1) % length : 0);
    else if (event.key === "ArrowUp") setAt(length ? (current + length - 1) % length : 0);
    else if (event.key === "Enter") run(results[current]);
    else if (event.key === "Backspace" && query === "" && scope) setScope(undefined);
    else return;
    event.preventDefault();
  };

  let index = -1;
  return (
    <Dialog.Root defaultOpen onOpenChange={(open) => !open && setTimeout(closeOverlay, 120)}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fade fixed inset-0 z-40 bg-scrim" />
        <Dialog.Viewport className="fixed inset-0 z-40 flex items-start justify-center md:p-8 md:pt-[12vh]">
          <Dialog.Popup
            initialFocus={input}
            aria-label="Search"
            className="float-surface appear flex max-h-dvh w-full flex-col overflow-hidden outline-none max-md:h-dvh md:max-h-[min(34rem,76vh)] md:max-w-2xl md:rounded-xl"
          >
            <div className="flex h-14 shrink-0 items-center gap-2 border-b border-line px-4">
              <Search {...ICON} className="shrink-0 text-ink-3" />
              {scope && (
                <button
                  type="button"
                  onClick={() => {
                    setScope(undefined);
                    input.current?.focus();
                  }}
                  aria-label={`Only in ${scopeTitle}. Search everywhere instead`}
                  className="flex h-7 max-w-48 shrink-0 items-center gap-1 rounded-md bg-accent-soft pr-1 pl-2 text-sm font-medium text-accent-ink"
                >
                  <span className="truncate">{scopeTitle}</span>
                  <X size={14} className="shrink-0" aria-hidden="true" />
                </button>
              )}
              <input
                ref={input}
                value={query}
                onChange={(event) => {
                  setQuery(event.target.value);
                  setAt(0);
                }}
                onKeyDown={onKeyDown}
                placeholder={scope ? "Search messages" : "Find rooms, people, messages and actions"}
                role="combobox"
                aria-label="Search"
                aria-expanded
                aria-autocomplete="list"
                aria-controls={`${id}-list`}
                aria-activedescendant={results.length ? `${id}-${current}` : undefined}
                className="h-full min-w-0 grow bg-transparent outline-none placeholder:text-ink-3 coarse:text-[16px]"
              />
              <Dialog.Close
                aria-label="Close"
                className="inline-flex size-8 items-center justify-center rounded-md text-ink-2 hover:bg-hover coarse:size-10"
              >
                <X {...ICON} />
              </Dialog.Close>
            </div>
            <div
              ref={list}
              id={`${id}-list`}
              role="listbox"
              aria-label="Results"
              tabIndex={-1}
              className="min-h-0 grow overflow-y-auto p-2"
            >
              {sections.map((section) => (
                // biome-ignore lint/a11y/useSemanticElements: a group of options
                <div key={section.title} role="group" aria-label={section.title} className="mb-1">
                  <p className="px-2 pt-2 pb-1 text-xs font-medium text-ink-3" aria-hidden="true">
                    {section.title}
                  </p>
                  {section.results.map((result) => {
                    index += 1;
                    const mine = index;
                    return (
                      // biome-ignore lint/a11y/useKeyWithClickEvents: the field above handles the keys
                      // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active option
                      <div
                        key={result.id}
                        id={`${id}-${mine}`}
                        role="option"
                        aria-selected={mine === current}
                        onMouseMove={() => setAt(mine)}
                        onClick={() => run(result)}
                        className={`flex min-h-9 cursor-pointer items-center gap-3 rounded-md px-2 py-1.5 coarse:min-h-11 ${
                          mine === current ? "bg-accent-soft" : ""
                        }`}
                      >
                        <span className="flex w-6 shrink-0 items-center justify-center text-ink-2">{result.sign}</span>
                        <span className="min-w-0 grow">
                          <span className={result.body ? "line-clamp-2" : "block truncate"}>
                            {result.found ? <Found text={result.label} words={result.found} /> : result.label}
                          </span>
                          {result.body && <span className="block truncate text-sm text-ink-3">{result.body}</span>}
                        </span>
                        {result.detail && <span className="shrink-0 text-sm text-ink-3">{result.detail}</span>}
                      </div>
                    );
                  })}
                </div>
              ))}
            </div>
            <p role="status" className="shrink-0 px-4 pb-3 text-sm text-ink-3 empty:hidden">
              {hint(query, scope, searching, results.length)}
            </p>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The text with the words that were searched for in bold. */
function Found({ text, words }: { text: string; words: string }) {
  const pattern = words
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("|");
  return text.split(new RegExp(`(${pattern})`, "i")).map((part, index) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts have no other identity
    index % 2 === 1 ? <b key={index}>{part}</b> : part,
  );
}

function hint(query: string, scope: Id | undefined, searching: boolean, count: number): string {
  if (searching) return "Searching messages…";
  if (scope && query.trim().length < 2) return "Type at least two letters.";
  if (count === 0) return "Nothing found. Try fewer or other words.";
  return "";
}
