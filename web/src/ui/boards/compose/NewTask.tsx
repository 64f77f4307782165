import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import type { BoardView } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { textOf, useForm } from "../../lib/form";
import { excerpt } from "../../lib/rich";
import { Button } from "../../parts/Button";
import { Choice, Field, FormError } from "../../parts/Field";
import { Modal } from "../../parts/Modal";
import { closeOverlay, messageOf, note, type Overlay } from "../../state";
import { useStore } from "../../store";
import { byName, useIndex } from "../index/use-index";
import { useAssignable } from "../parts/people";
import { OVERVIEW, taskPath } from "../paths";
import { boardActions, useBoards } from "../store";

type Props = Omit<Extract<Overlay, { name: "new-task" }>, "name">;

const SHORTEST = 3;
const LONGEST = 100;
const LAST_BOARD = "hubbub-task-board";

/** A task from anywhere: from a message, the composer or the palette. */
export default function NewTask(props: Props) {
  const { boards, error, load } = useIndex();
  const [, navigate] = useLocation();
  const title = useRef<HTMLInputElement>(null);
  const mine = useMemo(() => boards?.filter(({ right }) => right === "edit" || right === "manage"), [boards]);
  return (
    <Modal title="New task" initialFocus={title}>
      {error !== null && (
        <div className="flex items-center justify-between gap-4">
          <p className="text-sm text-danger-ink">{error}</p>
          <Button onClick={load}>Try again</Button>
        </div>
      )}
      {mine?.length === 0 && (
        <div className="flex flex-wrap items-center justify-between gap-4">
          <p className="text-ink-2">There is no board yet that you may add tasks to.</p>
          <Button
            look="primary"
            onClick={() => {
              closeOverlay();
              navigate(OVERVIEW);
            }}
          >
            To the boards
          </Button>
        </div>
      )}
      {mine && mine.length > 0 && <Form {...props} boards={[...mine].sort(byName)} field={title} />}
      {!mine && error === null && <div className="h-64" aria-busy="true" />}
    </Modal>
  );
}

/** The first line, as far as a title takes it; and the whole, if that says more. */
function wordsOf({ title, message }: Props): { title: string; description: string } {
  const body = message?.body ?? title;
  const first = body.split("\n").find((line) => line.trim() !== "") ?? "";
  const short = excerpt(first, LONGEST - 1);
  return { title: short, description: excerpt(body, 20_000) === short ? "" : body };
}

function firstBoard(boards: BoardView[], room: Id | undefined): Id {
  const last = localStorage.getItem(LAST_BOARD);
  const found = boards.find((one) => one.room !== null && one.room === room) ?? boards.find(({ id }) => id === last);
  return found?.id ?? boards[0]?.id ?? "";
}

function Form({ boards, field, ...props }: Props & { boards: BoardView[]; field: RefObject<HTMLInputElement | null> }) {
  const { message, room, made } = props;
  const [words] = useState(() => wordsOf(props));
  const [board, setBoard] = useState(() => firstBoard(boards, message?.room ?? room));
  const [, navigate] = useLocation();
  const data = useBoards((state) => state.boards[board]?.data);
  const problem = useBoards((state) => state.boards[board]?.error);
  const people = useAssignable(board);
  const me = useStore((state) => state.me?.id);
  useEffect(() => boardActions.openBoard(board), [board]);
  // The boards may have come after the dialog.
  useEffect(() => field.current?.focus(), [field]);
  const lists = data?.lists ?? [];
  const form = useForm(async (given) => {
    const assignee = textOf(given, "assignee");
    const task = {
      list: textOf(given, "list"),
      title: textOf(given, "title"),
      description: words.description,
      ...(assignee && { assignees: [assignee] }),
      ...(message && { message: message.id }),
    };
    localStorage.setItem(LAST_BOARD, board);
    const done = boardActions.createTask(board, task);
    const open = (id: Id) => navigate(taskPath(board, id));
    const told = done.then((id) =>
      note(`“${task.title}” is on ${data?.board.name ?? "the board"}.`, false, { label: "Open", run: () => open(id) }),
    );
    if (useStore.getState().connection.state === "online") await told;
    else told.catch((failure) => note(messageOf(failure), true));
    made?.();
    closeOverlay();
  });
  return (
    <form className="grid gap-4" onSubmit={form.onSubmit}>
      <Field
        ref={field}
        label="Title"
        name="title"
        required
        minLength={SHORTEST}
        maxLength={LONGEST}
        defaultValue={words.title}
        autoComplete="off"
        hint={words.description ? "The whole text becomes its description." : undefined}
        error={form.fields.title}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <Choice label="Board" value={board} onChange={(event) => setBoard(event.target.value)}>
          {boards.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Choice>
        <Choice
          key={board + lists.length}
          label="List"
          name="list"
          required
          disabled={lists.length === 0}
          defaultValue={(lists.find(({ status }) => status === "open") ?? lists[0])?.id}
          error={form.fields.list}
        >
          {lists.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Choice>
      </div>
      <Choice key={`people ${board}`} label="Who does it" name="assignee" defaultValue="">
        <option value="">Nobody yet</option>
        {[...people]
          .sort((a, b) => Number(b.id === me) - Number(a.id === me) || byName(a, b))
          .map(({ id, name }) => (
            <option key={id} value={id}>
              {id === me ? `${name} (you)` : name}
            </option>
          ))}
      </Choice>
      <FormError>{form.error ?? problem ?? (data && lists.length === 0 && "This board has no lists yet.")}</FormError>
      <div className="flex justify-end gap-2">
        <Button onClick={closeOverlay}>Cancel</Button>
        <Button look="primary" type="submit" busy={form.busy} disabled={lists.length === 0}>
          Make the task
        </Button>
      </div>
    </form>
  );
}
