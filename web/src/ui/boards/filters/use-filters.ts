import { useCallback, useMemo } from "react";
import { useSearch } from "wouter";
import { navigate } from "wouter/use-browser-location";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { useNow } from "../../lib/hooks";
import { useStore } from "../../store";
import { useBoards } from "../store";
import { countFilters, type Filters, matches, readFilters, writeFilters } from "./model";

/** The filters in the address, and how to change them there. Walking back does not go through every one of them. */
export function useFilters(): [Filters, (change: Partial<Filters>) => void] {
  const search = useSearch();
  const filters = useMemo(() => readFilters(search), [search]);
  const change = useCallback((wanted: Partial<Filters>) => {
    const { pathname, search: present } = window.location;
    const next = writeFilters({ ...readFilters(present), ...wanted }, present);
    navigate(next ? `${pathname}?${next}` : pathname, { replace: true });
  }, []);
  return [filters, change];
}

const MINUTE_MS = 60_000;

/** Whether a task of the board fits the filters in the address; null when there are none. */
export function useMatch(board: Id): ((card: Card) => boolean) | null {
  const [filters] = useFilters();
  const lists = useBoards((state) => state.boards[board]?.data?.lists);
  const me = useStore((state) => state.me?.id);
  const now = useNow(MINUTE_MS, filters.due.length > 0);
  return useMemo(() => {
    if (countFilters(filters) === 0) return null;
    const status = Object.fromEntries((lists ?? []).map((list) => [list.id, list.status]));
    const context = { me, status, now: new Date(now) };
    return (card) => matches(card, filters, context);
  }, [filters, lists, me, now]);
}
