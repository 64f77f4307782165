import { type ComponentType, type LazyExoticComponent, lazy, Suspense } from "react";
import { type Overlay, useUi } from "../state";

type Of<Name extends Overlay["name"]> = Extract<Overlay, { name: Name }>;
type Shown = { [Name in Overlay["name"]]: LazyExoticComponent<ComponentType<Of<Name>>> };

const SHOWN: Shown = {
  palette: lazy(() => import("./Palette")),
  shortcuts: lazy(() => import("./Shortcuts")),
  "new-room": lazy(() => import("./NewRoom")),
  "browse-rooms": lazy(() => import("./BrowseRooms")),
  "new-direct": lazy(() => import("./NewDirect")),
  "add-members": lazy(() => import("./AddMembers")),
  "guest-link": lazy(() => import("./GuestLink")),
  invite: lazy(() => import("./Invite")),
  "edit-room": lazy(() => import("./EditRoom")),
  "message-menu": lazy(() => import("./MessageMenu")),
  "new-task": lazy(() => import("../boards/compose/NewTask")),
  confirm: lazy(() => import("./Confirm")),
};

const EmojiPicker = lazy(() => import("./EmojiPicker"));
const UserMenu = lazy(() => import("./UserMenu"));

let count = 0;
const keys = new WeakMap<Overlay, number>();

/** Two openings of the same dialog are two dialogs. */
function keyOf(overlay: Overlay): number {
  let key = keys.get(overlay);
  if (key === undefined) {
    count += 1;
    key = count;
    keys.set(overlay, key);
  }
  return key;
}

/** Everything that floats, each loaded when it is first asked for. */
export function Overlays() {
  const overlay = useUi((ui) => ui.overlay);
  const emoji = useUi((ui) => ui.emoji);
  const userMenu = useUi((ui) => ui.userMenu);
  const Open = overlay ? (SHOWN[overlay.name] as ComponentType<Overlay>) : null;
  return (
    <Suspense>
      {overlay && Open && <Open key={keyOf(overlay)} {...overlay} />}
      {emoji && <EmojiPicker {...emoji} />}
      {userMenu && <UserMenu anchor={userMenu} />}
    </Suspense>
  );
}
