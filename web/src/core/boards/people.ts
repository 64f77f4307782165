import type { Core } from "../core";
import type { Named } from "./wire";

/** Asks for a page, and makes those it names known: clients see the names of some only here. */
export async function getNamed<Page extends { people: Named[]; members?: Named[] }>(
  core: Core,
  path: string,
  query: Parameters<Core["api"]["get"]>[1],
): Promise<Page> {
  const page = await core.api.get<Page>(path, query);
  const { people } = core.state;
  const strangers = [...page.people, ...(page.members ?? [])].filter(({ user }) => !people[user]);
  if (strangers.length > 0) {
    const known = strangers.map(({ user, name }) => [
      user,
      { id: user, name, role: "member" as const, title: "", active: true, created_at: "" },
    ]);
    core.update((state) => ({ ...state, people: { ...Object.fromEntries(known), ...state.people } }));
  }
  return page;
}
