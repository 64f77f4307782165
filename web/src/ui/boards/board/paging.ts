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
    const column = this.scene.root?.querySelector<HTMLElement>("[data-column]");
    column?.parentElement?.scrollBy({ left: this.towards * column.offsetWidth, behavior: "smooth" });
    this.timer = setTimeout(this.turn, NEXT_MS);
  };
}
