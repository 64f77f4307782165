import { Lock, Users } from "lucide-react";

/** Whom a board can be shown to. */
export const AUDIENCES = [
  { value: "colleagues", icon: Users, name: "Colleagues", text: "Everybody inside sees it and works on it." },
  { value: "members", icon: Lock, name: "Only members", text: "Those you add, and the workspace's admins." },
] as const;
