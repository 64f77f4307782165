/** On a phone one list fills the screen: what is held at the screen's edge leads to the next one, a list at a time. */
import type { Scene } from "./scene";

const EDGE_PX = 36;
const FIRST_MS = 300;
const NEXT_MS = 800;

export class Paging {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private towards = 0;

  constructor(private readonly scene: Scene) {}

  follow(x: number): void {
    const towards = Number(x > window.innerWidth - EDGE_PX) - Number(x < EDGE_PX);
    if (towards === this.towards) return;
    this.stop();
    this.towards = towards;
    if (towards !== 0) this.timer = setTimeout(this.turn, FIRST_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.towards = 0;
  }

  private readonly turn = () => {
    const columns = [...(this.scene.root?.querySelectorAll<HTMLElement>("[data-column]") ?? [])];
    const scroller = columns[0]?.parentElement;
    // Beyond the last list is a place for a new one, where nothing can be dropped.
    if (scroller)
      columns[columnAt(scroller, columns) + this.towards]?.scrollIntoView({
        behavior: "smooth",
        inline: "center",
        block: "nearest",
      });
    this.timer = setTimeout(this.turn, NEXT_MS);
  };
}

/** Which of the columns is in the middle of what scrolls them; the last one beyond it. */
export function columnAt(scroller: HTMLElement, columns: readonly HTMLElement[]): number {
  const middle = scroller.scrollLeft + scroller.clientWidth / 2;
  const found = columns.findIndex((column) => column.offsetLeft + column.offsetWidth > middle);
  return found < 0 ? columns.length - 1 : found;
}
