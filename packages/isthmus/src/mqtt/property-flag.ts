import { encodeUtf8 } from "@isthmus/bytes";
import { PROPERTIES, type Properties, type PropertyName, type PropertyPlace } from "@isthmus/mqtt";
import { UsageError } from "../command.js";
import type { Flag } from "../flags.js";

/** Properties by the packet that they are for. */
export type PropertiesByPlace = { readonly [P in PropertyPlace]?: Properties };

const PLACES: readonly PropertyPlace[] = ["connect", "publish", "subscribe", "unsubscribe", "disconnect", "will"];
const HINT = "-D COMMAND NAME VALUE, such as: -D publish content-type text/plain, -D publish user-property NAME VALUE";

/** `-D publish content-type text/plain`, `-D connect user-property a b`: MQTT 5.0 properties, named as mosquitto does. */
export const propertyFlag: Flag<PropertiesByPlace> = {
  names: ["-D", "--property"],
  placeholder: "COMMAND NAME VALUE",
  help: `an MQTT 5.0 property of one packet (${PLACES.join(", ")}); user-property takes a name and a value; may be repeated; implies -V 5`,
  initial: {},
  read(previous, take, flag) {
    const place = parsePlace(take(), flag);
    const name = parseName(take(), place, flag);
    const value = readValue(name, take, flag);
    const properties: Properties = previous[place] ?? {};
    const repeatable = Array.isArray(value) ? { [name]: [...asList(properties[name]), ...value] } : { [name]: value };
    return { ...previous, [place]: { ...properties, ...repeatable } };
  },
};

function parsePlace(given: string, flag: string): PropertyPlace {
  const place = PLACES.find((known) => known === given.toLowerCase());
  if (place !== undefined) return place;
  throw new UsageError(`${flag} ${given}: not one of ${PLACES.join(", ")}`, HINT);
}

function parseName(given: string, place: PropertyPlace, flag: string): PropertyName {
  const name = NAME_BY_FLAG_NAME.get(given);
  if (name === undefined) {
    throw new UsageError(`${flag} ${place} ${given}: there is no such property`, `one of ${namesFor(place)}`);
  }
  const places: readonly PropertyPlace[] = PROPERTIES[name].places;
  if (places.includes(place)) return name;
  throw new UsageError(`${flag} ${place} ${given}: not a property of ${place}`, `one of ${namesFor(place)}`);
}

function namesFor(place: PropertyPlace): string {
  const isFor = ([, name]: [string, PropertyName]): boolean => {
    const places: readonly PropertyPlace[] = PROPERTIES[name].places;
    return places.includes(place);
  };
  return [...NAME_BY_FLAG_NAME]
    .filter(isFor)
    .map(([flagName]) => flagName)
    .join(", ");
}

function readValue(name: PropertyName, take: () => string, flag: string): unknown {
  const given = take();
  switch (PROPERTIES[name].wireType) {
    case "textPair":
      return [[given, take()]];
    case "binary":
      return encodeUtf8(given);
    case "text":
    case "topicName":
      return given;
    case "flag":
      return parseInteger(given, 1, name, flag) === 1;
    case "bit":
      return parseInteger(given, 1, name, flag);
    case "uint16":
      return parseInteger(given, 0xffff, name, flag);
    case "uint32":
      return parseInteger(given, 0xffff_ffff, name, flag);
    case "variableByteInteger":
      return [parseInteger(given, 0xfff_ffff, name, flag)];
  }
}

function parseInteger(given: string, max: number, name: PropertyName, flag: string): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && number <= max) return number;
  throw new UsageError(`${flag}: ${flagName(name)} ${given} is not a whole number from 0 to ${max}`);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `userProperties` is `user-property` here, as each flag gives one. */
function flagName(name: PropertyName): string {
  const singular =
    name === "userProperties" ? "userProperty" : name === "subscriptionIdentifiers" ? "subscriptionIdentifier" : name;
  return singular.replaceAll(/QoS|[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

const NAME_BY_FLAG_NAME: ReadonlyMap<string, PropertyName> = new Map(
  // The keys of PROPERTIES are the property names.
  Object.keys(PROPERTIES).map((name) => [flagName(name as PropertyName), name as PropertyName]),
);
