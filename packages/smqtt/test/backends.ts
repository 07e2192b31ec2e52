import { loadMclGroup, type MclGroup } from "../src/pairing/mcl-group.js";
import { createNobleGroup, type NobleGroup } from "../src/pairing/noble-group.js";

export const noble: NobleGroup = createNobleGroup();
export const mcl: MclGroup = await loadMclGroup();
