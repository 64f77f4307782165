import { CircleCheck, ListChecks } from "lucide-react";

/** How many items of a checklist are done; nothing without items. */
export function ChecklistCount({ done, items }: { done: number; items: number }) {
  if (items === 0) return null;
  const all = done === items;
  const Icon = all ? CircleCheck : ListChecks;
  return (
    <span
      className={`inline-flex h-5 items-center gap-1 text-xs tabular-nums ${all ? "text-accent-ink" : "text-ink-3"}`}
      title={`${done} of ${items} done`}
    >
      <Icon size={14} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
      <span aria-hidden="true">
        {done}/{items}
      </span>
      <span className="sr-only">
        {done} of {items} items done
      </span>
    </span>
  );
}
