import { Menu } from "@base-ui/react/menu";
import { CircleUser, Keyboard, LogOut, type LucideIcon, MonitorSmartphone, Palette } from "lucide-react";
import { useLocation } from "wouter";
import { ICON } from "../parts/icon";
import { attempt, openOverlay, useUi } from "../state";
import { actions, useStore } from "../store";

const ITEM =
  "flex h-9 cursor-pointer items-center gap-3 rounded-md px-2 outline-none select-none data-highlighted:bg-hover coarse:h-11";

export default function UserMenu({ anchor }: { anchor: Element }) {
  const me = useStore((state) => state.me);
  const [, navigate] = useLocation();
  const guest = me?.role === "guest";
  return (
    <Menu.Root defaultOpen onOpenChange={(open) => !open && setTimeout(() => useUi.setState({ userMenu: null }), 120)}>
      <Menu.Portal>
        <Menu.Positioner anchor={anchor} side="right" align="end" sideOffset={8} collisionPadding={8} className="z-40">
          <Menu.Popup
            finalFocus={() => (anchor instanceof HTMLElement ? anchor : true)}
            aria-label="Your menu"
            className="float-surface appear w-60 rounded-xl p-1 outline-none"
          >
            <div className="px-2 py-2">
              <p className="truncate font-medium">{me?.name}</p>
              <p className="truncate text-sm text-ink-3">{me?.email ?? me?.role}</p>
            </div>
            <Menu.Separator className="mx-1 mb-1 h-px bg-line" />
            {!guest && (
              <>
                <Item icon={CircleUser} label="Profile" onClick={() => navigate("/settings/profile")} />
                <Item icon={MonitorSmartphone} label="Sessions" onClick={() => navigate("/settings/sessions")} />
              </>
            )}
            <Item icon={Palette} label="Appearance" onClick={() => navigate("/settings/appearance")} />
            <Item icon={Keyboard} label="Keyboard shortcuts" onClick={() => openOverlay({ name: "shortcuts" })} />
            <Menu.Separator className="m-1 h-px bg-line" />
            <Item icon={LogOut} label={guest ? "Leave" : "Sign out"} onClick={() => void attempt(actions.signOut)} />
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Item({ icon: Icon, label, onClick }: { icon: LucideIcon; label: string; onClick: () => void }) {
  return (
    <Menu.Item className={ITEM} onClick={onClick}>
      <Icon {...ICON} className="text-ink-2" />
      {label}
    </Menu.Item>
  );
}
