import { useCallback, useMemo } from "react";
import { useSearch } from "wouter";
import { navigate } from "wouter/use-browser-location";
import { type Filters, readFilters, writeFilters } from "./model";

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
