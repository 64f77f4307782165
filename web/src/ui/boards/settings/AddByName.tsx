import { type FormEvent, type ReactNode, useState } from "react";
import { Button } from "../../parts/Button";

interface Props {
  /** What is added: "list". */
  what: string;
  longest: number;
  /** Answers whether it was added; then the next name can be written. */
  onAdd: (name: string) => Promise<boolean>;
  /** What is chosen beside the name. */
  children?: ReactNode;
}

/** A line to add something that has little more than a name. */
export function AddByName({ what, longest, onAdd, children }: Props) {
  const [name, setName] = useState("");
  const add = async (event: FormEvent) => {
    event.preventDefault();
    const said = name.trim();
    if (said && (await onAdd(said))) setName("");
  };
  return (
    <form onSubmit={add} className="mt-4 flex max-w-md items-center gap-2">
      {children}
      <input
        value={name}
        maxLength={longest}
        onChange={(event) => setName(event.target.value)}
        aria-label={`Name of a new ${what}`}
        placeholder={`New ${what}`}
        autoComplete="off"
        className="h-9 min-w-0 grow rounded-md bg-field px-3 shadow-[inset_0_0_0_1px_var(--line-strong)] placeholder:text-ink-3 focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]"
      />
      <Button type="submit" disabled={name.trim() === ""}>
        Add
      </Button>
    </form>
  );
}
