import { connect, createServer } from 'node:net';

/** Passes connections on to a port, until it is told not to: `refused` is a text whose writer is cut off, `away` cuts off everybody. */
export async function startRelay(to, host = '127.0.0.1') {
  const sockets = new Set();
  const cut = () => { for (const socket of sockets) socket.destroy(); };
  const relay = {
    refused: null,
    port: 0,
    set away(away) { this.isAway = away; if (away) cut(); },
    stop: () => new Promise((done) => { cut(); server.close(done); }),
  };
  const server = createServer((client) => {
    if (relay.isAway) return client.destroy();
    const upstream = connect(to, host);
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => { sockets.delete(socket); other.destroy(); });
    }
    client.on('data', (bytes) => { if (relay.refused && bytes.includes(relay.refused)) client.destroy(); else upstream.write(bytes); });
    upstream.pipe(client);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  relay.port = server.address().port;
  return relay;
}
