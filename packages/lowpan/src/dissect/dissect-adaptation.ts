import { byteAt } from "@isthmus/bytes";
import { BROADCAST_HEADER_LENGTH, decodeBroadcast } from "../wire/adaptation/broadcast.js";
import { dispatchOf } from "../wire/adaptation/dispatch.js";
import { decodeEsc } from "../wire/adaptation/esc.js";
import { decodeFragment, FIRST_FRAGMENT_LENGTH, SUBSEQUENT_FRAGMENT_LENGTH } from "../wire/adaptation/fragment.js";
import { decodeMesh, type MeshHeader, meshHeaderLength } from "../wire/adaptation/mesh.js";
import { decodeRoutingHeaders, type RoutingHeader } from "../wire/adaptation/routing-header.js";
import { formatLinkAddress } from "../wire/mac/link-address.js";
import { WireError } from "../wire/wire-error.js";
import { dissectIphc } from "./dissect-iphc.js";
import { formatOctets, type Layer, LayerBuilder, plural } from "./layer.js";

/** The 6LoWPAN headers of a frame in words, and where what they carry begins in its payload. */
export interface HeaderChain {
  readonly layers: readonly Layer[];
  readonly mesh: MeshHeader | undefined;
  /** Where the fragment header stands, if there is one. */
  readonly fragmentAt: number | undefined;
  /** Where an IPv6 header begins, compressed or not; undefined in later fragments. */
  readonly headersAt: number | undefined;
}

/**
 * Walks the 6LoWPAN headers of a frame's payload (RFC 4944 5.1).
 *
 * @param offset of the payload in the frame: what is added to the places of all fields.
 * @throws WireError.
 */
export function dissectHeaders(payload: Uint8Array, offset: number): HeaderChain {
  const layers: Layer[] = [];
  let mesh: MeshHeader | undefined;
  let fragmentAt: number | undefined;
  let headersAt: number | undefined;
  const end = payload.length;
  let at = 0;
  while (at < end && headersAt === undefined) {
    const dispatch = dispatchOf(byteAt(payload, at));
    const start = at;
    switch (dispatch) {
      case "mesh":
        mesh = decodeMesh(payload, at, end);
        at += meshHeaderLength(payload, at, end);
        layers.push(meshLayer(mesh, start, at));
        break;
      case "broadcast": {
        const { sequenceNumber } = decodeBroadcast(payload, at, end);
        at += BROADCAST_HEADER_LENGTH;
        layers.push(new LayerBuilder("broadcast BC0 (RFC 4944 11.1)", start).take(1, "dispatch", "01010000").take(1, "sequence number", String(sequenceNumber)).build()); // prettier-ignore
        break;
      }
      case "page": {
        const routing = decodeRoutingHeaders(payload, at, end);
        at = routing.end;
        layers.push(routingLayer(routing.headers, start, at));
        break;
      }
      case "first-fragment":
      case "subsequent-fragment": {
        if (fragmentAt !== undefined) throw new WireError("fragment", "a fragment within a fragment");
        fragmentAt = at;
        at += dispatch === "first-fragment" ? FIRST_FRAGMENT_LENGTH : SUBSEQUENT_FRAGMENT_LENGTH;
        layers.push(fragmentLayer(payload, start, end));
        if (dispatch === "subsequent-fragment") return { layers: shifted(layers, offset), mesh, fragmentAt, headersAt };
        break;
      }
      case "iphc":
        headersAt = at;
        layers.push(...dissectIphc(payload, at, end));
        break;
      case "ipv6":
        headersAt = at;
        layers.push(new LayerBuilder("uncompressed IPv6 (RFC 4944 5.1)", at).take(1, "dispatch", "01000001").build());
        break;
      case "hc1":
        headersAt = at;
        layers.push(new LayerBuilder("HC1 (RFC 4944 10.1, superseded)", at).take(2, "dispatch and encoding", formatOctets(payload.subarray(at, at + 2))).build()); // prettier-ignore
        break;
      case "esc": {
        const { extensionType, rest } = decodeEsc(payload, at, end);
        layers.push(new LayerBuilder("ESC (RFC 8066)", at).take(1, "dispatch", "01000000").take(1, "extension type", String(extensionType)).take(rest.length, "rest", formatOctets(rest)).build()); // prettier-ignore
        return { layers: shifted(layers, offset), mesh, fragmentAt, headersAt };
      }
      case "not-lowpan":
      case "recoverable-fragment":
      case "reserved":
        throw new WireError(
          "dispatch",
          `0x${byteAt(payload, at).toString(16).padStart(2, "0")}: ${DISPATCH_TEXTS[dispatch]}`,
        );
    }
  }
  return { layers: shifted(layers, offset), mesh, fragmentAt, headersAt };
}

const DISPATCH_TEXTS = {
  "not-lowpan": "not a 6LoWPAN frame",
  "recoverable-fragment": "a recoverable fragment (RFC 8931), which is not taken apart",
  reserved: "a reserved dispatch",
} as const;

function meshLayer({ hopsLeft, originator, finalDestination }: MeshHeader, at: number, end: number): Layer {
  return new LayerBuilder("mesh addressing (RFC 4944 5.2)", at)
    .note(at, at + 1, "hops left", String(hopsLeft))
    .note(at, end, "originator", formatLinkAddress(originator))
    .note(at, end, "final destination", formatLinkAddress(finalDestination))
    .build(end);
}

function fragmentLayer(payload: Uint8Array, at: number, end: number): Layer {
  const { datagramSize, datagramTag, datagramOffset } = decodeFragment(payload, at, end);
  const name = datagramOffset === 0 ? "first fragment (RFC 4944 5.3)" : "subsequent fragment (RFC 4944 5.3)";
  const layer = new LayerBuilder(name, at)
    .take(2, "datagram size", `${datagramSize} octets, uncompressed`)
    .take(2, "datagram tag", String(datagramTag));
  if (datagramOffset > 0) layer.take(1, "datagram offset", `${datagramOffset} octets`);
  return layer.build();
}

function routingLayer(headers: readonly RoutingHeader[], at: number, end: number): Layer {
  const layer = new LayerBuilder("routing headers (RFC 8138)", at).take(1, "page", "1");
  for (const header of headers) layer.note(at + 1, end, header.type.replaceAll("-", " "), routingText(header));
  return layer.build(end);
}

function routingText(header: RoutingHeader): string {
  switch (header.type) {
    case "source-route":
      return `${plural(header.hops.length, "hop")}: ${header.hops.map((hop) => formatOctets(hop)).join(", ")}`;
    case "rpl-information":
      return `${header.isDown ? "down" : "up"} in instance ${header.instanceId}, sender's rank ${header.senderRank}`;
    case "encapsulation":
      return `hop limit ${header.hopLimit}, by ${header.encapsulator.length === 0 ? "the root" : formatOctets(header.encapsulator)}`; // prettier-ignore
    case "unknown":
      return `type ${header.headerType}, ${formatOctets(header.content)}`;
  }
}

function shifted(layers: readonly Layer[], offset: number): Layer[] {
  return layers.map(({ name, at, end, fields }) => ({
    name,
    at: at + offset,
    end: end + offset,
    fields: fields.map((field) => ({ ...field, at: field.at + offset, end: field.end + offset })),
  }));
}
