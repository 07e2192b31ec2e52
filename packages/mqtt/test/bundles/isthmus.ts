export { connect } from "@isthmus/mqtt";
