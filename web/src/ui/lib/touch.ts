/**
 * Keeps the browser from pressing a mouse where this press of a finger ends, as it does for pages that know no fingers:
 * that would close a menu that the finger has just opened, or open what it has just dropped.
 */
export function swallowMouse(press: Event | null | undefined): void {
  const end = new AbortController();
  const { signal } = end;
  press?.target?.addEventListener("touchend", (event) => event.preventDefault(), { passive: false, signal });
  window.addEventListener("pointerdown", () => end.abort(), { capture: true, signal });
}
