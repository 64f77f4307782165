import type { Core } from "../core";
import type { Lifecycle } from "../lifecycle";
import type { Actions } from "../store";
import type { SignedIn, User } from "../wire";

type Account = Pick<
  Actions,
  | "start"
  | "signUp"
  | "signIn"
  | "joinAsGuest"
  | "signOut"
  | "changePassword"
  | "updateMe"
  | "sessions"
  | "endSession"
  | "addSample"
  | "removeSample"
>;

export function accountActions(core: Core, lifecycle: Lifecycle): Account {
  const { api } = core;
  return {
    start: () => lifecycle.start(),
    async signUp(form) {
      await lifecycle.enter(await api.anonymous<SignedIn>("POST", "/api/auth/signup", form));
    },
    async signIn(form) {
      await lifecycle.enter(await api.anonymous<SignedIn>("POST", "/api/auth/login", form));
    },
    async joinAsGuest(form) {
      return lifecycle.enter(await api.anonymous<SignedIn>("POST", "/api/guests", form));
    },
    async signOut() {
      // Out of reach, the page still forgets the person; the server's session ends by itself.
      await api.send("POST", "/api/auth/logout").catch(() => {});
      core.session.end();
      await lifecycle.leave();
    },
    async changePassword(current, next) {
      await api.send("POST", "/api/auth/password", { current, new: next });
    },
    async updateMe(change) {
      const user = await api.send<User>("PATCH", "/api/users/me", change);
      core.update((state) => {
        const me = { ...state.me, ...user };
        return { ...state, me, people: { ...state.people, [me.id]: { ...state.people[me.id], ...me } } };
      });
    },
    async sessions() {
      return (await api.get<{ items: Awaited<ReturnType<Actions["sessions"]>> }>("/api/auth/sessions")).items;
    },
    async endSession(id) {
      await api.send("DELETE", `/api/auth/sessions/${id}`);
    },
    async addSample() {
      await api.send("POST", "/api/sample");
      await core.rooms.resync();
    },
    async removeSample() {
      await api.send("DELETE", "/api/sample");
      await core.rooms.resync();
    },
  };
}
