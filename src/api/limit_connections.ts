import type { IncomingMessage, Server } from 'node:http';
import { BlockList, isIPv6, type Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { addressGroup } from '../model/address_group.ts';
import type { Fault } from '../model/errors/fault.ts';
import { parseNetwork } from '../model/ip_address.ts';
import { KeptPlaces, type Place } from '../model/kept_places.ts';
import type { LimitCounts } from '../model/limit_counts.ts';

/** What bounding connections takes. */
export interface ConnectionOptions {
  readonly limits: LimitCounts;
  /** Proxies: each stands for any number of clients. */
  readonly trust_proxy?: readonly string[] | undefined;
  /** Is no answer of this connection under way? */
  readonly isIdle: (connection: Socket) => boolean;
  /** Tells a client why it is not served, and ends its connection; not over TLS, which has not begun yet. */
  readonly refuse: (socket: Socket, fault: Fault) => void;
}

/** So many that are being refused are kept until they have read why. */
const refused_max = 64;

/** A connection: as it is accepted and, over TLS, as requests come on it. */
interface Connection {
  readonly socket: Socket;
  http: Socket;
}

/**
 * Bounds the connections of each client address and of all together. Where there is no place for a newcomer, the connection goes that
 * has been idle for longest: of the same address where that has too many, else of the address that has most. Only where all are at work
 * is the newcomer refused.
 *
 * @returns what is to be told of each request; false for one on a connection that is refused, which is not to be served
 */
export function limitConnections(server: Server, options: ConnectionOptions): (request: IncomingMessage) => boolean {
  const { limits, isIdle } = options;
  const bounds = { total: limits.values.connections, per_owner: limits.values.connections_of_address };
  const places = new KeptPlaces<Connection>(bounds);
  const proxies = new KeptPlaces<Connection>({ ...bounds, per_owner: bounds.total });
  limits.measure('connections', () => places.taken + proxies.taken);
  limits.measure('connections_of_address', () => places.most);
  const isProxy = inNetworks(options.trust_proxy ?? []);
  const secured = server instanceof TlsServer;
  const known = new WeakMap<Socket, { readonly place: Place<Connection>; readonly of: KeptPlaces<Connection> }>();
  /** Those of TLS that have not got so far yet, by the client's address and port. */
  const in_handshake = new Map<string, Connection>();
  let being_refused = 0;

  const turnAway = (socket: Socket, fault: Fault): void => {
    if (secured || being_refused >= refused_max) {
      socket.destroy();
      return;
    }
    being_refused += 1;
    socket.once('close', () => (being_refused -= 1));
    options.refuse(socket, fault);
  };
  const mayGo = ({ socket, http }: Connection): boolean => !socket.destroyed && isIdle(http);
  /** True once there is a place; else it was turned away. */
  const admit = (socket: Socket, of: KeptPlaces<Connection>, owner: string): boolean => {
    const all = places.taken + proxies.taken >= bounds.total;
    const verdict = of.verdict(owner) === 'owner' ? 'owner' : all ? 'total' : 'free';
    if (verdict === 'free') return true;
    const idle = of.toGo(owner, mayGo);
    if (idle !== undefined) {
      of.give(idle);
      idle.of.socket.destroy();
      return true;
    }
    turnAway(socket, limits.refuse(verdict === 'owner' ? 'connections_of_address' : 'connections'));
    return false;
  };

  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress: address = '', remotePort: port } = socket;
    const of = isProxy(address) ? proxies : places;
    const owner = addressGroup(address);
    if (!admit(socket, of, owner)) return;
    const connection: Connection = { socket, http: socket };
    const place = of.take(owner, connection);
    const peer = `${address} ${port}`;
    if (secured) in_handshake.set(peer, connection);
    known.set(socket, { place, of });
    socket.once('close', () => {
      of.give(place);
      if (in_handshake.get(peer) === connection) in_handshake.delete(peer);
    });
  });
  server.on('secureConnection', (http: Socket) => {
    const peer = `${http.remoteAddress ?? ''} ${http.remotePort}`;
    const connection = in_handshake.get(peer);
    in_handshake.delete(peer);
    const found = connection === undefined ? undefined : known.get(connection.socket);
    if (connection === undefined || found === undefined) return;
    connection.http = http;
    known.set(http, found);
  });
  return ({ socket }) => {
    const found = known.get(socket);
    if (found === undefined) return secured;
    found.of.use(found.place);
    return true;
  };
}

function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    const [base = ''] = text.split('/', 1);
    if (network !== undefined) list.addSubnet(base, network.prefix_bits, isIPv6(base) ? 'ipv6' : 'ipv4');
  }
  return (address) => networks.length > 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
