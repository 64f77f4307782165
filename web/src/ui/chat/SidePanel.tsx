import { ArrowLeft, X } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import type { RoomView } from "../../core/wire";
import { usePhone } from "../lib/hooks";
import { type Panel, usePanel } from "../lib/rooms";
import { IconButton } from "../parts/IconButton";
import { Details } from "./Details";
import { Members } from "./Members";
import { Thread } from "./Thread";

/** What stands at the right of a conversation: a thread, the members or the details. A page of its own on a phone. */
export default function SidePanel({ room, panel }: { room: RoomView; panel: Panel }) {
  if (panel.name === "thread") return <Thread key={panel.root} room={room} root={panel.root} />;
  return panel.name === "members" ? <Members room={room} /> : <Details room={room} />;
}

export function PanelFrame({ title, children }: { title: string; children: ReactNode }) {
  const [, setPanel] = usePanel();
  const phone = usePhone();
  const Frame = phone ? "main" : "aside";
  const Heading = phone ? "h1" : "h2";
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = frame.current;
    if (element && !element.contains(document.activeElement)) element.focus({ preventScroll: true });
  }, []);
  return (
    <Frame
      ref={frame}
      tabIndex={-1}
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.shiftKey || event.defaultPrevented) return;
        setPanel(null);
      }}
      className="flex min-h-0 w-full shrink-0 flex-col bg-canvas outline-none md:w-95 md:border-l md:border-line max-lg:md:absolute max-lg:md:inset-y-0 max-lg:md:right-0 max-lg:md:z-30 max-lg:md:shadow-float"
    >
      <header className="flex h-14 shrink-0 items-center gap-1 border-b border-line pr-3 pl-4 max-md:pl-1">
        {phone && <IconButton icon={ArrowLeft} label="Back to the conversation" onClick={() => setPanel(null)} />}
        <Heading className="grow truncate text-base">{title}</Heading>
        {!phone && <IconButton icon={X} label="Close" keys="Esc" side="bottom" onClick={() => setPanel(null)} />}
      </header>
      {children}
    </Frame>
  );
}
