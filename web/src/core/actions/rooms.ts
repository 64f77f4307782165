import type { Core } from "../core";
import { leaveRoom } from "../reduce";
import type { Actions } from "../store";
import type { RoomView } from "../wire";

type Rooms = Pick<
  Actions,
  "createRoom" | "changeRoom" | "deleteRoom" | "joinRoom" | "leaveRoom" | "addMember" | "removeMember"
>;

export function roomActions(core: Core): Rooms {
  const { api, rooms } = core;
  return {
    async createRoom(form) {
      const view = await api.send<RoomView>("POST", "/api/rooms", form);
      rooms.take(view);
      return view;
    },
    async changeRoom(room, change) {
      rooms.take(await api.send<RoomView>("PATCH", `/api/rooms/${room}`, change));
    },
    async deleteRoom(room) {
      await api.send("DELETE", `/api/rooms/${room}`);
      rooms.drop(room);
    },
    async joinRoom(room) {
      rooms.take(await api.send<RoomView>("POST", `/api/rooms/${room}/members`, {}));
    },
    async leaveRoom(room) {
      await api.send("DELETE", `/api/rooms/${room}/members/${core.state.me?.id}`);
      core.follower.drop(room);
      core.update((state) => leaveRoom(state, room));
    },
    async addMember(room, user) {
      rooms.take(await api.send<RoomView>("POST", `/api/rooms/${room}/members`, { user }));
    },
    async removeMember(room, user) {
      await api.send("DELETE", `/api/rooms/${room}/members/${user}`);
    },
  };
}
