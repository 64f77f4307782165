/** What was typed and not sent, per person and place. One entry each, so that two tabs do not overwrite one another. */
import type { Id } from "./wire";

const SAVE_MS = 300;
const MOST_PLACES = 200;
const LONGEST = 20_000;

export class Drafts {
  private readonly storage: Storage;
  private user: Id | null = null;
  private readonly unsaved = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  open(user: Id): Record<string, string> {
    this.user = user;
    const drafts: Record<string, string> = {};
    for (const name of this.names()) drafts[name.slice(this.prefix.length)] = this.storage.getItem(name) ?? "";
    return drafts;
  }

  close(): void {
    this.flush();
    this.user = null;
  }

  set(where: string, text: string): void {
    if (this.user === null) return;
    this.unsaved.set(where, text.slice(0, LONGEST));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SAVE_MS);
  }

  /** Writes what is not written yet; also to be called when the page is being hidden. */
  flush(): void {
    clearTimeout(this.timer);
    if (this.user === null) return;
    for (const [where, text] of this.unsaved) this.write(this.prefix + where, text);
    this.unsaved.clear();
  }

  private get prefix(): string {
    return `hubbub:draft:${this.user}:`;
  }

  private names(): string[] {
    return Array.from({ length: this.storage.length }, (_, place) => this.storage.key(place) ?? "").filter((name) =>
      name.startsWith(this.prefix),
    );
  }

  private write(name: string, text: string): void {
    try {
      if (text.trim() === "") this.storage.removeItem(name);
      else if (this.storage.getItem(name) !== null || this.names().length < MOST_PLACES)
        this.storage.setItem(name, text);
    } catch {
      // A full storage costs the draft, not the typing.
    }
  }
}
