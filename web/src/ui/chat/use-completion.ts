import { type KeyboardEvent, type RefObject, useEffect, useId, useMemo, useState } from "react";
import type { RoomView, User } from "../../core/wire";
import { COMMANDS, completePeople, findTrigger, type Trigger } from "../lib/complete";
import { useStore } from "../store";
import { typeInto } from "./writing";

export interface Option {
  id: string;
  /** What is put into the text. */
  insert: string;
  label: string;
  detail: string;
  user?: User;
  emoji?: string;
}

export interface Completion {
  kind: Trigger["kind"] | null;
  options: Option[];
  chosen: number;
  listId: string;
  pick(index: number): void;
  hover(index: number): void;
  close(): void;
  onSelect(): void;
  /** True when the key was for the list. */
  onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): boolean;
  ariaProps: Record<string, string | undefined>;
}

const MOST = 8;
type EmojiModule = typeof import("../lib/emoji");

/** Offers members after `@`, emoji after `:` and, where they are asked for, commands after `/`, where the caret stands. */
export function useCompletion(
  room: Pick<RoomView, "members">,
  text: string,
  box: RefObject<HTMLTextAreaElement | null>,
  commands = false,
): Completion {
  const [trigger, setTrigger] = useState<Trigger | null>(null);
  const [closedAt, setClosedAt] = useState<number | null>(null);
  const [chosen, setChosen] = useState(0);
  const [emoji, setEmoji] = useState<EmojiModule | null>(null);
  const people = useStore((state) => state.people);
  const me = useStore((state) => state.me?.id);
  const listId = useId();

  const look = () => {
    const element = box.current;
    const caret = element?.selectionStart ?? 0;
    const found = element && caret === element.selectionEnd ? findTrigger(element.value, caret) : null;
    if (!found) setClosedAt(null);
    setTrigger((before) => (before?.start === found?.start && before?.query === found?.query ? before : found));
    setChosen((before) => (trigger?.query === found?.query ? before : 0));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks again whenever the text changes
  useEffect(look, [text]);

  const wantsEmoji = trigger?.kind === "emoji";
  useEffect(() => {
    if (wantsEmoji && !emoji) import("../lib/emoji").then(setEmoji, () => undefined);
  }, [wantsEmoji, emoji]);

  const options = useMemo<Option[]>(() => {
    if (!trigger || trigger.start === closedAt) return [];
    if (trigger.kind === "command") {
      if (!commands) return [];
      return COMMANDS.filter(({ name }) => name.startsWith(trigger.query)).map(({ name, does }) => ({
        id: name,
        insert: `/${name}`,
        label: `/${name}`,
        detail: does,
      }));
    }
    if (trigger.kind === "emoji") {
      return (emoji?.findEmoji(trigger.query, MOST) ?? []).map(({ emoji: sign, name }) => ({
        id: name,
        insert: sign,
        label: `:${name}:`,
        detail: "",
        emoji: sign,
      }));
    }
    const members = room.members.flatMap((id) => (id !== me && people[id] ? [people[id]] : []));
    return completePeople(trigger.query, members, MOST).map(({ id, name, title }) => ({
      id,
      insert: `@${name}`,
      label: name,
      detail: title,
      user: people[id],
    }));
  }, [trigger, closedAt, commands, emoji, people, me, room.members]);

  const pick = (index: number) => {
    const element = box.current;
    const option = options[index];
    if (!element || !trigger || !option) return;
    const caret = element.selectionStart;
    const spaced = element.value[caret] === " " ? option.insert : `${option.insert} `;
    typeInto(element, trigger.start, caret, spaced);
    setTrigger(null);
  };

  const open = options.length > 0;
  return {
    kind: open ? (trigger?.kind ?? null) : null,
    options,
    chosen: Math.min(chosen, options.length - 1),
    listId,
    pick,
    hover: setChosen,
    close: () => setTrigger(null),
    onSelect: look,
    onKeyDown(event) {
      if (!open) return false;
      const { length } = options;
      if (event.key === "ArrowDown") setChosen((chosen + 1) % length);
      else if (event.key === "ArrowUp") setChosen((chosen + length - 1) % length);
      else if (event.key === "Enter" || event.key === "Tab") pick(Math.min(chosen, length - 1));
      else if (event.key === "Escape") setClosedAt(trigger?.start ?? null);
      else return false;
      event.preventDefault();
      event.stopPropagation();
      return true;
    },
    ariaProps: {
      "aria-autocomplete": "list",
      "aria-controls": open ? listId : undefined,
      "aria-activedescendant": open ? `${listId}-${Math.min(chosen, options.length - 1)}` : undefined,
    },
  };
}
