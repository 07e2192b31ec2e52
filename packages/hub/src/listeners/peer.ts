import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { formatAddress } from "@isthmus/mqtt/transport-node";
import type { ClientCertificate } from "../access/access.js";

/** Who is at the other end of a connection, as far as the network tells. */
export interface Peer {
  /** Address and port, as they stand in logs: those of the client, also behind a proxy that tells them. */
  readonly address: string;
  /** Checked against the listener's authorities. */
  readonly certificate: ClientCertificate | undefined;
}

/** Where a socket carries the address that its proxy has told. */
const CLIENT_ADDRESS = Symbol("client address");

interface ProxiedSocket {
  [CLIENT_ADDRESS]?: string | undefined;
}

/** A proxy says that the client of `socket` has another address than the proxy's own. */
export function setProxiedAddress(socket: Socket & ProxiedSocket, address: string | undefined): void {
  socket[CLIENT_ADDRESS] = address;
}

/** Who is at the other end of `socket`, which may speak TLS. */
export function peerOf(socket: Socket & ProxiedSocket): Peer {
  return {
    address: socket[CLIENT_ADDRESS] ?? formatAddress(socket.remoteAddress, socket.remotePort),
    certificate: isTls(socket) && socket.authorized ? certificateOf(socket) : undefined,
  };
}

/** The address alone, without its port: what limits go by. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, "");
}

export function isTls(socket: Socket): socket is TLSSocket {
  return "encrypted" in socket && socket.encrypted === true;
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return {
    commonName: /^CN=(.*)$/m.exec(certificate.subject ?? "")?.[1],
    alternativeNames: certificate.subjectAltName?.split(", ") ?? [],
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}
