import { useEffect } from "react";
import { useOpenRoom, useRoomTitle } from "../lib/rooms";
import { useUi } from "../state";
import { useStore } from "../store";

/** "(3) launch · Northwind": what waits and where one is, for the tab. */
export function useDocumentTitle(): void {
  const open = useOpenRoom();
  const room = useStore((state) => (open ? state.rooms[open] : undefined));
  const page = useUi((ui) => ui.page);
  const title = useRoomTitle(room) || page;
  const workspace = useStore((state) => state.workspace?.name ?? "Hubbub");
  const unread = useStore((state) =>
    Object.values(state.rooms).reduce((sum, one) => sum + (one.joined ? one.unread : 0), 0),
  );
  useEffect(() => {
    const count = unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : "";
    document.title = `${count}${title ? `${title} · ` : ""}${workspace}`;
  }, [unread, title, workspace]);
}
