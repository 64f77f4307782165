// The rig's application as bench/ops/app.py has it, for PM2's cluster mode: the same answers, the same manners.
import { appendFileSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'node:net';
import { WebSocketServer } from 'ws';

const DRAIN_MS = 1000;
const LEAVE_MS = 2500;
const BLOCK_MS = 20_000;
const GROWTH = 300 * 2 ** 20;

const version = readFileSync('version', 'utf8').trim();
if (version === 'crash') {
  console.error('this version cannot start');
  process.exit(1);
}
const handled = openSync(process.env.RIG_HANDLED, 'a');
const sockets = new Set();
let draining = false;
let grown;

function block() {
  const until = Date.now() + BLOCK_MS;
  while (Date.now() < until);
}

const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  const probe = path === '/readyz';
  if (path === '/block') setTimeout(block, 100);
  if (path === '/grow') {
    setTimeout(() => {
      grown = Buffer.alloc(GROWTH, 1);
    }, 100);
  }
  const body = JSON.stringify({ pid: process.pid, version });
  let status = version === 'error' && !probe ? 500 : 200;
  if (probe && draining) status = 503;
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  if (draining) headers.Connection = 'close';
  response.writeHead(status, headers);
  response.end(body);
});
server.keepAliveTimeout = 120_000;

const upgrader = new WebSocketServer({ server, perMessageDeflate: false });
upgrader.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => socket.terminate());
  socket.on('message', (data) => {
    const text = data.toString();
    appendFileSync(handled, `${text}\n`);
    socket.send(text);
  });
  socket.send(`hello ${process.pid}`);
  if (draining) socket.send('goaway');
});

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// PM2 sends SIGINT, waits kill_timeout, then kills.
async function leave() {
  if (draining) return;
  draining = true;
  // Without http.Server's own close, which ends idle connections that a client may be about to use.
  Server.prototype.close.call(server);
  const leaving = [...sockets];
  for (const socket of leaving) {
    socket.send('goaway');
    await sleep(DRAIN_MS / leaving.length);
  }
  const deadline = Date.now() + LEAVE_MS;
  while (sockets.size && Date.now() < deadline) await sleep(50);
  server.closeIdleConnections();
  process.exit(0);
}
process.on('SIGINT', leave);
process.on('SIGTERM', leave);

if (version !== 'never') {
  server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
} else {
  setInterval(() => grown, 60_000);
}
