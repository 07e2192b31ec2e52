"""Paho's Python client, told what to do by JSON lines on standard input; what happens goes to standard output the same way.

{"do": "connect", "port": 1883, "version": 5, "transport": "tcp", "options": {...}, "will": {...}}
{"do": "subscribe", "topic": "a/#", "qos": 1}   {"do": "unsubscribe", "topic": "a/#"}
{"do": "publish", "topic": "a", "text": "x", "qos": 1, "retain": false, "properties": {...}}
{"do": "disconnect"}   {"do": "break"}
"""
import json
import os
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

client = None


def tell(**event):
    print(json.dumps(event), flush=True)


def properties_of(kind, values):
    if not values:
        return None
    properties = Properties(kind)
    for name, value in values.items():
        if name == "CorrelationData":
            value = value.encode()
        if name == "UserProperty":
            value = [tuple(pair) for pair in value]
        setattr(properties, name, value)
    return properties


def shown(properties):
    values = properties.json() if properties is not None else {}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def on_connect(_client, _userdata, flags, code, properties=None):
    tell(event="connected", code=int(getattr(code, "value", code)), present=flags["session present"], properties=shown(properties))


def on_message(_client, _userdata, message):
    properties = shown(getattr(message, "properties", None))
    tell(event="message", topic=message.topic, text=message.payload.decode(), qos=message.qos, retain=bool(message.retain), properties=properties)


def codes_of(codes):
    if isinstance(codes, (list, tuple)):
        return [int(getattr(code, "value", code)) for code in codes]
    return [int(codes.value)]


def connect(command):
    global client
    version = {3: mqtt.MQTTv31, 4: mqtt.MQTTv311, 5: mqtt.MQTTv5}[command["version"]]
    options = command.get("options", {})
    rest = {} if version == mqtt.MQTTv5 else {"clean_session": options.get("clean", True)}
    client = mqtt.Client(client_id=command.get("clientId", ""), protocol=version, transport=command["transport"], **rest)
    if command["transport"] == "websockets":
        client.ws_set_options(path="/mqtt")
    client.on_connect = on_connect
    client.on_message = on_message
    client.on_subscribe = lambda _c, _u, _m, codes, properties=None: tell(event="subscribed", codes=codes_of(codes))
    client.on_unsubscribe = lambda *_: tell(event="unsubscribed")
    client.on_publish = lambda *_: tell(event="published")
    client.on_disconnect = lambda _c, _u, code, properties=None: tell(event="disconnected", code=int(getattr(code, "value", code)))
    will = command.get("will")
    if will:
        more = {"properties": properties_of(PacketTypes.WILLMESSAGE, will.get("properties"))} if version == mqtt.MQTTv5 else {}
        client.will_set(will["topic"], will["text"], will["qos"], will["retain"], **more)
    more = {}
    if version == mqtt.MQTTv5:
        more = {"clean_start": options.get("clean", True), "properties": properties_of(PacketTypes.CONNECT, options.get("properties"))}
    client.connect("127.0.0.1", command["port"], 60, **more)
    client.loop_start()


for line in sys.stdin:
    command = json.loads(line)
    do = command["do"]
    if do == "connect":
        connect(command)
    elif do == "subscribe":
        client.subscribe(command["topic"], command["qos"])
    elif do == "unsubscribe":
        client.unsubscribe(command["topic"])
    elif do == "publish":
        more = {"properties": properties_of(PacketTypes.PUBLISH, command["properties"])} if command.get("properties") else {}
        client.publish(command["topic"], command["text"], command["qos"], command.get("retain", False), **more)
    elif do == "disconnect":
        client.disconnect()
    elif do == "break":
        os._exit(1)
