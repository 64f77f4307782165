import { Menu } from "@base-ui/react/menu";
import { CalendarDays, List, type LucideIcon, Rows3, SquareKanban } from "lucide-react";
import { useSearchParams } from "wouter";
import { IconButton } from "../../parts/IconButton";
import { tip } from "../../parts/tip";
import { ChoiceMenu } from "../parts/Picker";
import { MenuChecked, MenuSurface, SEPARATOR } from "./menus";
import type { Lanes } from "./model/grid";

export type View = "board" | "list" | "calendar";

const VIEWS: [View, string, LucideIcon][] = [
  ["board", "Board", SquareKanban],
  ["list", "List", List],
  ["calendar", "Calendar", CalendarDays],
];

const NONE = "none";
const LANES = [
  { value: NONE, name: "No lanes" },
  { value: "assignee", name: "Lanes by person" },
  { value: "priority", name: "Lanes by priority" },
] as const;

/** How the board is seen, as its address says. */
export function useView(): { view: View; lanes: Lanes } {
  const [params] = useSearchParams();
  const view = VIEWS.find(([name]) => name === params.get("view"))?.[0] ?? "board";
  const lanes = params.get("lanes");
  return { view, lanes: lanes === "assignee" || lanes === "priority" ? lanes : null };
}

/** Sets a part of the address, null takes it away. */
function usePut(): (name: string, value: string | null) => void {
  const [, setParams] = useSearchParams();
  return (name, value) =>
    setParams(
      (params) => {
        if (value === null) params.delete(name);
        else params.set(name, value);
        return params;
      },
      { replace: true },
    );
}

export function ViewSwitch() {
  const put = usePut();
  const { view, lanes } = useView();
  return (
    <div className="flex shrink-0 items-center gap-1">
      <fieldset className="flex rounded-md bg-pressed p-0.5">
        <legend className="sr-only">View</legend>
        {VIEWS.map(([name, label, Icon]) => (
          <button
            key={name}
            type="button"
            aria-pressed={view === name}
            aria-label={label}
            {...tip(label, undefined, "bottom")}
            onClick={() => put("view", name === "board" ? null : name)}
            className="inline-flex h-7 items-center gap-1.5 rounded-[5px] px-2 text-sm text-ink-2 hover:text-ink aria-pressed:bg-(--chosen) aria-pressed:text-ink aria-pressed:shadow-[0_1px_2px_rgb(0_0_0/12%)] coarse:h-9 coarse:px-2.5"
          >
            <Icon size={16} strokeWidth={1.75} aria-hidden="true" />
            <span className="max-xl:hidden">{label}</span>
          </button>
        ))}
      </fieldset>
      {view === "board" && (
        <ChoiceMenu
          label="Lanes"
          value={lanes ?? NONE}
          choices={LANES}
          onChange={(value) => put("lanes", value === NONE ? null : value)}
          trigger={
            <button
              type="button"
              className="inline-flex h-8 items-center gap-1.5 rounded-md px-2.5 text-sm font-medium text-ink-2 transition-colors hover:bg-hover hover:text-ink data-popup-open:bg-hover data-popup-open:text-ink coarse:h-10"
            >
              <Rows3 size={16} strokeWidth={1.75} aria-hidden="true" />
              {lanes === "assignee" ? "By person" : lanes === "priority" ? "By priority" : "Lanes"}
            </button>
          }
        />
      )}
    </div>
  );
}

/** The same in one button, where there is little room. */
export function ViewMenu() {
  const put = usePut();
  const { view, lanes } = useView();
  const Icon = VIEWS.find(([name]) => name === view)?.[2] ?? SquareKanban;
  return (
    <Menu.Root>
      <Menu.Trigger render={<IconButton icon={Icon} label="View" />} />
      <MenuSurface label="View">
        <Menu.RadioGroup
          value={view}
          onValueChange={(name: View) => put("view", name === "board" ? null : name)}
          aria-label="View"
        >
          {VIEWS.map(([name, label, Sign]) => (
            <MenuChecked key={name} value={name}>
              <Sign size={16} strokeWidth={1.75} aria-hidden="true" className="text-ink-2" />
              <span className="grow">{label}</span>
            </MenuChecked>
          ))}
        </Menu.RadioGroup>
        {view === "board" && (
          <>
            <Menu.Separator className={SEPARATOR} />
            <Menu.RadioGroup
              value={lanes ?? NONE}
              onValueChange={(value: string) => put("lanes", value === NONE ? null : value)}
              aria-label="Lanes"
            >
              {LANES.map(({ value, name }) => (
                <MenuChecked key={value} value={value}>
                  <span className="grow">{name}</span>
                </MenuChecked>
              ))}
            </Menu.RadioGroup>
          </>
        )}
      </MenuSurface>
    </Menu.Root>
  );
}
