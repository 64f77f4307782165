import { MessageCircleWarning } from "lucide-react";
import type { Timeline as TimelineState } from "../../core/store";
import type { RoomView } from "../../core/wire";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { actions, useStore } from "../store";
import { TimelineList } from "./TimelineList";

/** A conversation's messages, or what stands in for them while there are none. */
export function Timeline({ room, seq }: { room: RoomView; seq?: number }) {
  const timeline = useStore((state) => state.timelines[room.id]);
  if (timeline && (timeline.messages.length > 0 || settled(timeline))) {
    return <TimelineList room={room} timeline={timeline} seq={seq} />;
  }
  if (timeline?.error) {
    return (
      <div className="m-auto">
        <Empty icon={MessageCircleWarning} title="The messages did not load" text={timeline.error}>
          <Button look="primary" onClick={() => actions.openRoom(room.id).catch(() => undefined)}>
            Try again
          </Button>
        </Empty>
      </div>
    );
  }
  return <TimelineSkeleton />;
}

const settled = (timeline: TimelineState) => timeline.loading === null && timeline.error === null;

const WIDTHS = [58, 84, 34, 72, 46, 90, 64];

function TimelineSkeleton() {
  return (
    <div className="flex min-h-0 grow flex-col justify-end gap-6 overflow-hidden px-4 py-6 md:px-6" aria-busy="true">
      {WIDTHS.map((width) => (
        <div key={width} className="flex gap-3">
          <div className="skeleton size-9 shrink-0 rounded-lg!" />
          <div className="grow space-y-2 pt-1">
            <div className="skeleton h-3 w-32" />
            <div className="skeleton h-3" style={{ width: `${width}%` }} />
          </div>
        </div>
      ))}
    </div>
  );
}
