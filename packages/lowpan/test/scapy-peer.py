"""Speaks 802.15.4 and 6LoWPAN through scapy, for the tests: JSON on standard input and output.

{"dissect": [hex of a frame, ...]} gives what scapy reads in each; "build" in the answer is a list of frames made by
scapy, each with the IPv6 packet that it stands for.
"""

import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.config import conf  # noqa: E402

conf.dot15d4_protocol = "sixlowpan"

from scapy.layers.dot15d4 import Dot15d4Data, Dot15d4FCS  # noqa: E402
from scapy.layers.inet import UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.sixlowpan import (  # noqa: E402
    LoWPAN_HC1,
    LoWPAN_HC2_UDP,
    LoWPAN_IPHC,
    LoWPAN_NHC,
    LoWPAN_NHC_UDP,
    LoWPANFragmentationFirst,
    LoWPANFragmentationSubsequent,
    LoWPANMesh,
    LoWPANUncompressedIPv6,
)


def address(value, mode):
    """Hexadecimal digits of an address in addressing mode 2 or 3."""
    return format(value, "04x" if mode == 2 else "016x")


def read_mac(frame):
    data = frame[Dot15d4Data]
    return {
        "sequenceNumber": frame.seqnum,
        "isAckRequested": bool(frame.fcf_ackreq),
        "isFramePending": bool(frame.fcf_pending),
        "version": frame.fcf_framever,
        "destinationPanId": data.dest_panid,
        "destination": address(data.dest_addr, frame.fcf_destaddrmode),
        "sourcePanId": None if frame.fcf_panidcompress else data.src_panid,
        "source": address(data.src_addr, frame.fcf_srcaddrmode),
        "fcs": frame.fcs,
    }


def read_packet(layers):
    ipv6, udp = layers[IPv6], layers[UDP]
    return {
        "trafficClass": ipv6.tc,
        "flowLabel": ipv6.fl,
        "hopLimit": ipv6.hlim,
        "source": ipv6.src,
        "destination": ipv6.dst,
        "sourcePort": udp.sport,
        "destinationPort": udp.dport,
        "payload": bytes(udp.payload).hex(),
    }


def read_fragment(frame):
    first = frame.getlayer(LoWPANFragmentationFirst)
    fragment = first or frame.getlayer(LoWPANFragmentationSubsequent)
    return {
        "datagramSize": fragment.datagramSize,
        "datagramTag": fragment.datagramTag,
        "datagramOffset": 0 if first else fragment.datagramOffset * 8,
    }


def read_mesh(mesh):
    width = 2 if mesh.v else 3
    return {"hopsLeft": mesh.hopsLeft, "originator": address(mesh.src, width), "finalDestination": address(mesh.dst, width)}


def dissect(text):
    frame = Dot15d4FCS(bytes.fromhex(text))
    answer = {"mac": read_mac(frame)}
    if LoWPANMesh in frame:
        answer["mesh"] = read_mesh(frame[LoWPANMesh])
    if LoWPANFragmentationFirst in frame or LoWPANFragmentationSubsequent in frame:
        answer["fragment"] = read_fragment(frame)
    elif UDP in frame:
        answer["packet"] = read_packet(frame)
    return answer


def mac(sequence_number):
    return Dot15d4FCS(
        fcf_panidcompress=1, fcf_framever=1, fcf_srcaddrmode=3, fcf_destaddrmode=3, seqnum=sequence_number
    ) / Dot15d4Data(dest_panid=0x23, dest_addr=0x0200000012340001, src_addr=0x02000000123400FF)


def udp_packet(source, destination, hop_limit, tc=0, fl=0, sport=49152):
    load = bytes(range(hop_limit % 40))
    return IPv6(src=source, dst=destination, hlim=hop_limit, tc=tc, fl=fl) / UDP(sport=sport, dport=5683) / load


def made(form, packet):
    # The checksum is in what is built; a copy keeps scapy from filling the packet in for the second time.
    plain = bytes(packet)
    return {"frame": bytes(mac(7) / form / IPv6(plain)).hex(), "packet": plain.hex()}


def build():
    built = []
    for hop_limit, hlim in ((64, 2), (255, 3), (1, 1), (33, 0)):
        for tf, tc, fl in ((3, 0, 0), (0, 0x55, 0x54321)):
            for destination in ("2001:db8::2", "fe80::1:2"):
                packet = udp_packet("2001:db8::1", destination, hop_limit, tc, fl)
                nhc = LoWPAN_NHC(exts=[LoWPAN_NHC_UDP(C=0, P=0)])
                built.append(made(LoWPAN_IPHC(tf=tf, hlim=hlim, sam=0, dam=0, nh=1) / nhc, packet))
        packet = udp_packet("2001:db8::1", "2001:db8::2", hop_limit)
        built.append(made(LoWPANUncompressedIPv6(), packet))
        hc1 = LoWPAN_HC1(sp=0, si=0, dp=0, di=0, tc_fl=1, nh=1, hc2=1, hc2Field=LoWPAN_HC2_UDP(sc=0, dc=0, lc=0))
        built.append(made(hc1, packet))
    return built


question = json.load(sys.stdin)
json.dump({"dissect": [dissect(text) for text in question["dissect"]], "build": build()}, sys.stdout)
