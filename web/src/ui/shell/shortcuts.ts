import { useEffect } from "react";
import { navigate } from "wouter/use-browser-location";
import { conversationsOf, roomPath } from "../lib/rooms";
import { closeOverlay, note, openOverlay, useUi } from "../state";
import { actions, useStore } from "../store";

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function step(by: 1 | -1): void {
  const { rooms, direct } = conversationsOf(useStore.getState().rooms);
  const all = [...rooms, ...direct];
  if (all.length === 0) return;
  const open = /^\/r\/([^/]+)/.exec(window.location.pathname)?.[1];
  const at = all.findIndex((room) => room.id === open);
  const next = all[at < 0 ? 0 : (at + by + all.length) % all.length];
  if (next) navigate(roomPath(next.id));
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (useUi.getState().overlay?.name === "palette") closeOverlay();
    else openOverlay({ name: "palette" });
  } else if (event.altKey && !command && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    step(event.key === "ArrowUp" ? -1 : 1);
  } else if (event.key === "Escape" && event.shiftKey) {
    event.preventDefault();
    actions.markAllRead();
    note("Everything is marked as read.");
  } else if (event.key === "?" && !command && !isTyping(event.target)) {
    event.preventDefault();
    openOverlay({ name: "shortcuts" });
  } else if (event.target === document.body && event.key.length === 1 && !command && !event.altKey) {
    // Typing with nothing focused means the message.
    document.querySelector<HTMLTextAreaElement>('[data-testid="composer"] textarea')?.focus();
  }
}

/** A link in a message to a place in this workspace opens here, not in a new tab. */
function onClick(event: MouseEvent): void {
  const link =
    event.target instanceof Element ? event.target.closest<HTMLAnchorElement>(".message-body a[href]") : null;
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const url = new URL(link.href);
  if (url.origin !== window.location.origin || !/^\/(r|boards|people|settings)(\/|$)/.test(url.pathname)) return;
  event.preventDefault();
  navigate(url.pathname + url.search);
}

export function useShortcuts(): void {
  useEffect(() => {
    window.addEventListener("keydown", onKeyDown);
    window.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("keydown", onKeyDown);
      window.removeEventListener("click", onClick);
    };
  }, []);
}
