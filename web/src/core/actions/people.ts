import type { Core } from "../core";
import type { Actions } from "../store";
import type { Invitation, Page, SearchHit, User } from "../wire";

type People = Pick<Actions, "updateUser" | "invite" | "invitations" | "invitation" | "withdrawInvitation" | "search">;

export function peopleActions(core: Core): People {
  const { api } = core;
  return {
    async updateUser(id, change) {
      const user = await api.send<User>("PATCH", `/api/users/${id}`, change);
      core.update((state) => ({ ...state, people: { ...state.people, [id]: { ...state.people[id], ...user } } }));
    },
    invite: (form) => api.send<Invitation>("POST", "/api/invitations", form),
    async invitations() {
      return (await api.get<Page<Invitation>>("/api/invitations", { limit: 200 })).items;
    },
    invitation: (code) => api.anonymous<Invitation>("GET", `/api/invitations/${encodeURIComponent(code)}`),
    async withdrawInvitation(code) {
      await api.send("DELETE", `/api/invitations/${encodeURIComponent(code)}`);
    },
    async search(query, room) {
      return (await api.get<Page<SearchHit>>("/api/search", { q: query, room })).items;
    },
  };
}
