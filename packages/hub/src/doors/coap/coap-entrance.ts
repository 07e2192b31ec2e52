import type { Address } from "@isthmus/coap";
import type { ClientCertificate } from "../../access/access.js";
import type { Peer } from "../../listeners/peer.js";

/** The name of CoAP's own listener, over UDP and TCP, in logs and settings of access. */
export const COAP_LISTENER = "coap";

/** Where a connection came in that another listener than CoAP's own has accepted, and who is at its other end. */
export class CoapEntrance {
  /** See {@link Credentials.listener}. */
  readonly listener: string;
  /** Address and port, as a proxy tells them if there is one. */
  readonly address: string;
  readonly certificate: ClientCertificate | undefined;

  constructor(listener: string, { address, certificate }: Peer) {
    this.listener = listener;
    this.address = address;
    this.certificate = certificate;
  }

  /** The address as CoAP has it: the client's own, where a proxy tells it. */
  get remote(): Address {
    const end = this.address.lastIndexOf(":");
    return {
      address: this.address.slice(0, end).replace(/^\[(.*)\]$/, "$1"),
      port: Number(this.address.slice(end + 1)),
    };
  }
}
