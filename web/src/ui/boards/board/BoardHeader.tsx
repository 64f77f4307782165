import { ArrowLeft, Settings2 } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import type { BoardData } from "../../../core/boards/store";
import { usePhone } from "../../lib/hooks";
import { ICON } from "../../parts/icon";
import { tip } from "../../parts/tip";
import { attempt } from "../../state";
import { FilterBar } from "../filters/FilterBar";
import { OVERVIEW, settingsPath } from "../paths";
import { boardActions } from "../store";
import { NameField } from "./InlineName";
import { Looking } from "./Others";
import { ViewMenu, ViewSwitch } from "./ViewSwitch";

const LONGEST_BOARD = 80;
const LINK =
  "inline-flex size-8 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink coarse:size-10";

/** The board's name, who looks at it, how it is seen and which of its tasks. */
export function BoardHeader({ data }: { data: BoardData }) {
  const phone = usePhone();
  const { id } = data.board;
  return (
    <header className="shrink-0 border-b border-line bg-canvas">
      <div className="flex h-14 items-center gap-2 pr-3 pl-6 max-md:pr-2 max-md:pl-1">
        {phone && (
          <Link href={OVERVIEW} aria-label="Back to boards" className={LINK}>
            <ArrowLeft {...ICON} />
          </Link>
        )}
        <BoardName data={data} />
        <Looking board={id} />
        {phone ? <ViewMenu /> : <ViewSwitch />}
        <Link
          href={settingsPath(id)}
          aria-label="Board settings"
          {...tip("Board settings", undefined, "bottom")}
          className={LINK}
        >
          <Settings2 {...ICON} />
        </Link>
      </div>
      <div className="px-6 pb-2.5 max-md:px-3">
        <FilterBar board={id} />
      </div>
    </header>
  );
}

function BoardName({ data: { board, right } }: { data: BoardData }) {
  const [renaming, setRenaming] = useState(false);
  const editable = right === "manage" && !board.archived;
  const end = (name: string | null) => {
    setRenaming(false);
    if (name !== null) void attempt(() => boardActions.changeBoard(board.id, { name }));
  };
  if (renaming) {
    return (
      <div className="min-w-0 grow">
        <NameField
          name={board.name}
          label="Name of the board"
          maxLength={LONGEST_BOARD}
          onEnd={end}
          className="-ml-1.5 w-full max-w-96 px-1.5 py-0.5 text-lg font-semibold tracking-[-0.01em]"
        />
      </div>
    );
  }
  return (
    <h1 className="flex min-w-0 grow text-lg">
      {editable ? (
        <button
          type="button"
          onClick={() => setRenaming(true)}
          {...tip("Rename", undefined, "bottom")}
          className="-ml-1.5 truncate rounded-md px-1.5 py-0.5 text-left hover:bg-hover"
        >
          {board.name}
        </button>
      ) : (
        <span className="truncate">{board.name}</span>
      )}
    </h1>
  );
}
