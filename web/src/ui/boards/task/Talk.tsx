import { Tabs } from "@base-ui/react/tabs";
import type { TaskDetail } from "../../../core/boards/store";
import type { Id } from "../../../core/wire";
import { Comments } from "./Comments";
import { History } from "./History";

const TAB =
  "relative h-9 text-sm font-medium text-ink-3 hover:text-ink data-active:text-ink data-active:after:absolute data-active:after:inset-x-0 data-active:after:-bottom-px data-active:after:h-0.5 data-active:after:bg-accent coarse:h-11";

interface Props {
  board: Id;
  task: Id;
  /** Of the comments. */
  count: number;
  detail: TaskDetail;
  speaks: boolean;
  tab: string;
  onTab: (tab: string) => void;
}

/** What is said about the task, and what happened to it. */
export function Talk({ board, task, count, detail, speaks, tab, onTab }: Props) {
  return (
    <Tabs.Root value={tab} onValueChange={onTab} className="px-4 pt-6 md:px-6">
      <Tabs.List aria-label="Comments and history" className="flex gap-4 border-b border-line">
        <Tabs.Tab value="comments" className={TAB}>
          Comments
          {count > 0 && <span className="ml-1.5 text-ink-3 tabular-nums">{count}</span>}
        </Tabs.Tab>
        <Tabs.Tab value="history" className={TAB}>
          History
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="comments" className="pt-4 pb-2 outline-none">
        <Comments board={board} task={task} comments={detail.comments} more={detail.moreComments} speaks={speaks} />
      </Tabs.Panel>
      <Tabs.Panel value="history" className="pt-3 pb-2 outline-none">
        <History board={board} task={task} activity={detail.activity} more={detail.moreActivity !== null} />
      </Tabs.Panel>
    </Tabs.Root>
  );
}
