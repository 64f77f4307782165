/** Features whose code is loaded with their pages keep their streams themselves: each is a tenant. */
import type { Done } from "./outbox";
import type { Command } from "./outbox-store";
import type { Entry, Id } from "./wire";

export interface Tenant {
  /** Whether it keeps this stream. */
  keeps(stream: Id): boolean;
  /** Contiguous entries of all streams, for those of its own and what others tell it. May throw for `reload`. */
  apply(entries: Entry[], replayed: boolean): void;
  /** As `FollowerIO.reload`. */
  reload(stream: Id): Promise<number | null>;
  /** The server has taken note that this stream is followed, again after each reconnect. */
  followed(stream: Id): void;
  /** The stream may not be followed (any more). */
  refused(stream: Id): void;
  /** As in `OutboxIO`. */
  changed(stream: Id): void;
  acknowledged(command: Command, done: Done): void;
}
