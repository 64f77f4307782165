import { Plus } from "lucide-react";
import type { KeyboardEvent } from "react";
import type { BoardList } from "../../../core/boards/wire";
import { plural } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { tip } from "../../parts/tip";
import { attempt } from "../../state";
import { HiddenMark } from "../parts/outside";
import { STATUS_NAMES, StatusMark } from "../parts/StatusMark";
import { boardActions, useBoards } from "../store";
import { ColumnMenu } from "./ColumnMenu";
import { NameField } from "./InlineName";
import { cellKey } from "./model/grid";
import { useScene } from "./scene";
import { say, useBoardUi } from "./state";
import { moveListBy } from "./verbs";

export const LONGEST_LIST = 60;
const FIRST = 50;

interface Props {
  list: BoardList;
  /** Tasks of it that are seen, and all of them. */
  shown: number;
  total: number;
  editable: boolean;
  /** Where its new tasks are written: the lane, if there are any. */
  lane: string;
}

/** A list's name and what can be done with it. What is dragged to move the list. */
export function ColumnHeader({ list, shown, total, editable, lane }: Props) {
  const scene = useScene();
  // Of a long list only the first tasks are there yet.
  const more = useBoards((state) => state.boards[scene.board]?.partial === true) && total >= FIRST ? "+" : "";
  const renaming = useBoardUi((ui) => ui.renaming === list.id);
  const end = (name: string | null) => {
    useBoardUi.setState({ renaming: null });
    if (name !== null) void attempt(() => boardActions.changeList(list.id, { name }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.shiftKey ? { ArrowLeft: -1 as const, ArrowRight: 1 as const }[event.key] : undefined;
    if (by === undefined) return;
    event.preventDefault();
    const place = (scene.data?.lists.findIndex((one) => one.id === list.id) ?? 0) + by;
    say(
      moveListBy(scene, list.id, by)
        ? `${list.name}, list ${place + 1} of ${scene.data?.lists.length}`
        : `${list.name} stays where it is`,
    );
  };
  return (
    <header
      {...(editable ? { "data-list-handle": list.id } : {})}
      className="flex h-10 shrink-0 items-center gap-2 pr-1 pl-1.5 select-none"
    >
      <span
        className="inline-flex"
        {...(list.status ? tip(STATUS_NAMES[list.status]) : {})}
        data-status={list.status ?? undefined}
      >
        <StatusMark status={list.status} />
      </span>
      {renaming ? (
        <NameField
          name={list.name}
          label="Name of the list"
          maxLength={LONGEST_LIST}
          onEnd={end}
          className="grow px-1 text-sm font-semibold"
        />
      ) : (
        <h2 className="min-w-0 text-sm leading-6">
          {editable ? (
            <button
              type="button"
              data-drags
              onClick={() => useBoardUi.setState({ renaming: list.id })}
              onKeyDown={onKeyDown}
              aria-keyshortcuts="Shift+ArrowLeft Shift+ArrowRight"
              className="block max-w-full truncate rounded px-1 text-left font-semibold tracking-[-0.01em] hover:bg-hover"
            >
              {list.name}
            </button>
          ) : (
            <span className="block truncate px-1 font-semibold">{list.name}</span>
          )}
        </h2>
      )}
      {!list.shown_outside && <HiddenMark />}
      <span className="text-xs whitespace-nowrap text-ink-3 tabular-nums" data-testid="count">
        <span aria-hidden="true">
          {shown === total ? `${total.toLocaleString()}${more}` : `${shown} of ${total}${more}`}
        </span>
        <span className="sr-only">{plural(shown, "task")}</span>
      </span>
      {editable && (
        <span className="ml-auto flex">
          <IconButton
            small
            icon={Plus}
            label={`Add a task to ${list.name}`}
            onClick={() => useBoardUi.setState({ adding: { cell: cellKey(lane, list.id), end: "top" } })}
          />
          <ColumnMenu list={list} lane={lane} />
        </span>
      )}
    </header>
  );
}
