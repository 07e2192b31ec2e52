export { type CsmaCaOptions } from "./csma-ca.js";
export { DuplicateFilter, type DuplicateFilterOptions } from "./duplicate-filter.js";
export { EnergyMeter, type EnergyReport, RADIO_CURRENTS, type RadioCurrents, type RadioMode } from "./energy.js";
export { Mac } from "./mac.js";
export type { MacCounters, MacEvent, MacOptions, MacRequest, Radio, SendStatus } from "./mac-service.js";
export { MacSecurity, type MacSecurityOptions } from "./mac-security.js";
export {
  Medium,
  type MediumCounters,
  type MediumOptions,
  type ObservedTransmission,
  type RadioOptions,
  type ReceptionOutcome,
  SimulatedRadio,
} from "./medium.js";
export { airTimeMs, interframeSpacingMs, MAX_AIR_TIME_MS, PHY, SYMBOL_MS } from "./phy.js";
export {
  type LinkQuality,
  logDistance,
  type LogDistanceOptions,
  oQpskBitErrorRate,
  type Position,
  type Propagation,
  unitDisk,
  type UnitDiskOptions,
} from "./propagation.js";
export { type NodeMachine, SimulatedNode, type SimulatedNodeOptions, Simulation } from "./simulation.js";
