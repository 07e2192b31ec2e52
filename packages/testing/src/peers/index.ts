export { launchMosquitto, type Mosquitto, type MosquittoOptions } from "./mosquitto.js";
export { findProgram, freePort, Peer } from "./program.js";
