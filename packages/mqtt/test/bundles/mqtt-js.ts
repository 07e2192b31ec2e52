import mqtt from "mqtt";

export const { connect } = mqtt;
