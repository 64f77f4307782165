import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Timeline } from "../../core/store";
import type { RoomView } from "../../core/wire";
import { useRoomTitle } from "../lib/rooms";
import { buildRows, estimateHeight } from "../lib/rows";
import { actions, useStore } from "../store";
import { MessageRow } from "./MessageRow";
import { Pill } from "./Pill";
import { RoomStart } from "./RoomStart";
import { useAnnouncements, useEditingInView, useLinkedMessage, useReading } from "./timeline-effects";

/** As near to the end as counts for being there, in pixels. */
const AT_END_PX = 80;
/** How far from either edge the next page is asked for. */
const AHEAD_PX = 1200;
const START = "start";

interface Props {
  room: RoomView;
  timeline: Timeline;
  seq: number | undefined;
}

/** The virtual list: only what is near the view is in the document, and what one looks at never moves by itself. */
export function TimelineList({ room, timeline, seq }: Props) {
  const { messages, hasBefore, hasAfter, loading, unreadFrom } = timeline;
  const me = useStore((state) => state.me?.id);
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(seq === undefined);
  const title = useRoomTitle(room);

  const rows = useMemo(
    () => buildRows(messages, { me, unreadFrom, knowsStart: !hasBefore }),
    [messages, me, unreadFrom, hasBefore],
  );
  const lead = hasBefore ? 0 : 1;
  const hadAfter = useRef(hasAfter);
  const list = useVirtualizer({
    count: rows.length + lead,
    getScrollElement: () => scroller.current,
    getItemKey: (index) => rows[index - lead]?.key ?? START,
    estimateSize: (index) => {
      const row = rows[index - lead];
      return row ? estimateHeight(row, (scroller.current?.clientWidth ?? 800) - 96) : 160;
    },
    anchorTo: "end",
    // Pages of newer messages are read on, not followed; only what is new at the very end is.
    followOnAppend: !hasAfter && !hadAfter.current,
    scrollEndThreshold: AT_END_PX,
    overscan: 8,
    paddingEnd: 16,
    useScrollendEvent: true,
  });
  hadAfter.current = hasAfter;

  const toEnd = useCallback(() => list.scrollToEnd(), [list]);

  useLayoutEffect(() => {
    if (seq === undefined) list.scrollToEnd();
  }, [list, seq]);

  // One's own new message brings one to the end, wherever one was reading.
  const last = messages.at(-1);
  const lastKey = last?.key ?? last?.id;
  const lastOwn = last !== undefined && last.author === me && last.delivery === "sending";
  useLayoutEffect(() => {
    if (lastOwn && lastKey) list.scrollToEnd();
  }, [list, lastKey, lastOwn]);

  // The composer grows, the window shrinks, a message is drawn anew: whoever was at the end stays there.
  const pinned = useRef(atEnd);
  pinned.current = atEnd && !hasAfter;
  const height = list.getTotalSize();
  // biome-ignore lint/correctness/useExhaustiveDependencies: acts when the height has changed
  useLayoutEffect(() => {
    if (pinned.current) list.scrollToEnd();
  }, [list, height]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => pinned.current && list.scrollToEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [list]);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    setAtEnd(below < AT_END_PX);
    if (loading !== null) return;
    if (hasBefore && element.scrollTop < AHEAD_PX) actions.loadBefore(room.id).catch(() => undefined);
    else if (hasAfter && below < AHEAD_PX) actions.loadAfter(room.id).catch(() => undefined);
  }, [hasBefore, hasAfter, loading, room.id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the rows are decides how far the end is
  useLayoutEffect(onScroll, [onScroll, rows]);

  const indexOfSeq = useCallback((wanted: number) => rows.findIndex((row) => row.message.seq === wanted), [rows]);
  const show = useCallback(
    (index: number) => {
      pinned.current = false;
      setAtEnd(false);
      list.scrollToIndex(index + lead, { align: "center" });
    },
    [list, lead],
  );
  const flash = useLinkedMessage(room.id, seq, timeline, indexOfSeq, show);
  const unseen = useReading(room, messages, me, atEnd && !hasAfter);
  useAnnouncements(messages, me);
  useEditingInView(rows, show);

  const unreadIndex = useMemo(() => rows.findIndex((row) => row.opensUnread), [rows]);
  const items = list.getVirtualItems();
  const firstVisible = items.find((item) => item.end > (list.scrollOffset ?? 0))?.index ?? 0;
  const unreadAbove = unreadIndex >= 0 && unreadIndex + lead < firstVisible;
  const lastSentKey = last?.author === me ? lastKey : undefined;

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const row = (event.target as HTMLElement).closest<HTMLElement>("article");
    if (event.target !== row || event.altKey) return;
    event.preventDefault();
    const index = Number(row?.parentElement?.dataset.index) + (event.key === "ArrowUp" ? -1 : 1);
    if (index < lead || index >= rows.length + lead) return;
    list.scrollToIndex(index, { align: "auto" });
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"] > article`)?.focus(),
    );
  };

  return (
    <div className="relative flex min-h-0 grow flex-col">
      <div
        ref={scroller}
        data-testid="timeline"
        role="feed"
        aria-label={`Messages in ${title}`}
        aria-busy={loading !== null}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        className="min-h-0 grow overflow-x-hidden overflow-y-auto outline-offset-[-2px] [overflow-anchor:none]"
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        {/* Few messages sit at the bottom, by the composer. */}
        <div className="flex min-h-full flex-col justify-end">
          <div className="relative shrink-0" style={{ height }}>
            <div className="absolute inset-x-0 top-0" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
              {items.map((item) => {
                const row = rows[item.index - lead];
                return (
                  <div key={item.key} data-index={item.index} ref={list.measureElement}>
                    {row ? (
                      <MessageRow
                        message={row.message}
                        where={room.id}
                        grouped={row.grouped}
                        opensDay={row.opensDay}
                        opensUnread={row.opensUnread}
                        flash={flash !== null && row.message.seq === flash}
                        tabStop={item.index === rows.length + lead - 1}
                        showSent={row.key === lastSentKey}
                      />
                    ) : (
                      <RoomStart room={room} empty={rows.length === 0} />
                    )}
                  </div>
                );
              })}
            </div>
          </div>
        </div>
      </div>
      {loading === "before" && <div className="absolute top-2 left-1/2 h-1 w-24 -translate-x-1/2 skeleton" />}
      {unreadAbove && !hasAfter && (
        <Pill up onClick={() => show(unreadIndex)}>
          Jump to unread
        </Pill>
      )}
      {hasAfter ? (
        <Pill onClick={() => actions.jumpToEnd(room.id).then(toEnd, () => undefined)}>Jump to the newest</Pill>
      ) : (
        !atEnd && (
          <Pill loud={unseen > 0} onClick={toEnd}>
            {unseen > 0 ? `${unseen} new ${unseen === 1 ? "message" : "messages"}` : "Newest"}
          </Pill>
        )
      )}
    </div>
  );
}
