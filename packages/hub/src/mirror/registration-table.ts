import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import type { RegistrationRecord } from "@isthmus/coap";
import type { Store } from "@isthmus/exchange";
import type { Identity } from "../access/access.js";

/** A registration as the store keeps it. */
export interface StoredRegistration {
  readonly record: RegistrationRecord;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Who registered. */
  readonly identity: Identity;
}

/** Registrations at rest: a device that is asked to come back within a day would be gone for that day otherwise. */
export class RegistrationTable {
  readonly #store: Store | undefined;

  constructor(store: Store | undefined) {
    this.#store = store;
  }

  put({ record, expiresAt, identity }: StoredRegistration): void {
    // The rules that a credential brought along, and the credential itself, are not for keeping.
    const { user, listener, groups } = identity;
    const value = { record, expiresAt, identity: { user, listener, groups } };
    this.#store?.put("registrations", [record.id], encodeUtf8(JSON.stringify(value)));
  }

  delete(id: string): void {
    this.#store?.delete("registrations", [id]);
  }

  load(): StoredRegistration[] {
    if (this.#store === undefined) return [];
    // Written by put alone.
    return Array.from(this.#store.range("registrations", []), ([, value]) => JSON.parse(decodeUtf8(value)) as StoredRegistration); // prettier-ignore
  }
}
