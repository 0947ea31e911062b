// SPDX-License-Identifier: Apache-2.0
// A small back end behind mod_forge's gateway. It checks no token and knows no password: who asks stands in X-Forge-*, which only Apache can set, as
// long as only Apache can reach this port. usage: PORT=3001 node server.js
'use strict';

const http = require('node:http');
const express = require('express');
const { WebSocketServer } = require('ws');

const app = express();
app.disable('x-powered-by');
app.set('trust proxy', 'loopback'); // req.ip is the client's, from X-Forwarded-For

// The number is the key of an account: it never changes. The name may.
function visitor(headers) {
  const id = headers['x-forge-user'];
  return id && { id: Number(id), name: headers['x-forge-username'], role: headers['x-forge-role'], session: headers['x-forge-session'] };
}

// Asked by mod_proxy_hcheck, without a visitor.
app.get('/healthz', (req, res) => res.type('text').send('ok'));

// The id and the trace are those of Apache's access log and of mod_forge's traces.
app.use((req, res, next) => {
  req.visitor = visitor(req.headers);
  if (!req.visitor) return res.status(401).json({ error: 'ask through the gateway' });
  console.log(JSON.stringify({ request_id: req.get('x-request-id'), trace: req.get('traceparent'), user: req.visitor.id, path: req.path }));
  next();
});

app.get('/whoami', (req, res) => res.json({ ...req.visitor, ip: req.ip, request_id: req.get('x-request-id'), credentials: 'authorization' in req.headers }));

// Notes of each account, in memory. Anybody may write; only instructors read those of others.
const notes = new Map();
app.post('/notes', express.json({ limit: '16kb' }), (req, res) => {
  const mine = notes.get(req.visitor.id) || [];
  mine.push(String(req.body.text).slice(0, 1000));
  notes.set(req.visitor.id, mine.slice(-100));
  res.status(201).json({ count: mine.length });
});
app.get('/notes/:user', (req, res) => {
  const own = Number(req.params.user) === req.visitor.id;
  if (!own && !['instructor', 'admin'].includes(req.visitor.role)) return res.status(403).json({ error: 'not yours' });
  res.json({ notes: notes.get(Number(req.params.user)) || [] });
});

// WebSockets: the upgrade comes with the same headers. When the session ends, mod_forge ends the connection.
const server = http.createServer(app);
const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });
server.on('upgrade', (req, socket, head) => {
  const who = visitor(req.headers);
  if (!who || req.url !== '/echo') return socket.destroy();
  sockets.handleUpgrade(req, socket, head, (ws) => ws.on('message', (data) => ws.send(data.toString())));
});

server.keepAliveTimeout = 65000; // longer than Apache keeps its connections (ttl=60), so that it never sends into a closing one
server.listen(Number(process.env.PORT || 3001), '127.0.0.1', () => console.log('listening'));
