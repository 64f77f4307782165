// Follows one stream with the stock client until its input ends: node follow.mjs URL TOKEN STREAM TRANSPORTS CURSOR.
// Prints a line for each thing that happens: `connect TRANSPORT CURSOR`, `entry SEQ KIND`, `refused MESSAGE`.
import { io } from "socket.io-client";

const [, , url, token, stream, transports, start] = process.argv;
let cursor = Number(start);
const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);

const socket = io(url, {
  auth: { token },
  transports: transports.split(","),
  withCredentials: true,
  reconnectionDelay: 100,
  reconnectionDelayMax: 1_000,
});

async function follow() {
  let answer;
  try {
    answer = await socket.emitWithAck("follow", { streams: { [stream]: cursor } });
  } catch {
    return; // The connection went meanwhile; the next one follows anew.
  }
  say("followed", cursor, JSON.stringify(answer));
  const problem = answer.ok ? answer.streams[stream].error : answer.error;
  if (problem?.status === 503) setTimeout(follow, (problem.retry_after ?? 1) * 1_000);
  else if (problem || answer.streams[stream].reset) say("refused", JSON.stringify(answer));
}

socket.on("connect", () => {
  say("connect", socket.io.engine.transport.name, cursor, socket.io.engine.id);
  socket.io.engine.once("upgrade", ({ name }) => say("upgrade", name, cursor));
  follow();
});
socket.on("entries", (batch) => {
  for (const { stream: of, seq, kind } of batch) {
    if (of !== stream || seq <= cursor) continue;
    if (seq !== cursor + 1) say("hole", cursor, seq, socket.io.engine.transport.name, socket.io.engine.id);
    cursor = seq;
    say("entry", seq, kind);
  }
});
socket.on("reset", (document) => say("reset", cursor, JSON.stringify(document)));
socket.on("disconnect", (reason) => say("disconnect", cursor, reason));
socket.on("goaway", ({ retry_after }) => setTimeout(() => socket.io.engine.close(), retry_after * 1_000));
socket.on("connect_error", (error) => {
  say("error", error.message, error.description ?? "", error.context?.responseText ?? "");
  if (!socket.active) setTimeout(() => socket.connect(), (error.data?.retry_after ?? 1) * 1_000);
});
process.stdin.on("end", () => process.exit(0)).resume();
