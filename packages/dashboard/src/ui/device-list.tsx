import type { JSX } from "preact";
import { type Device, devicesOf } from "../model/devices.js";
import { summarize } from "../model/payload-view.js";
import type { PageModel } from "../page-model.js";
import type { PageProps } from "./page.js";

/** The most resources of a device that are listed. */
const MAX_RESOURCES = 12;
/** The most devices that are listed. */
const MAX_DEVICES = 200;

/** The devices that have registered, whether they are there, and what they measure. */
export function DeviceList({ model }: PageProps): JSX.Element {
  void model.revision.value;
  const devices = devicesOf(model.table);
  const online = devices.filter(({ isOnline }) => isOnline).length;
  if (devices.length === 0) {
    return (
      <main class="page">
        <h2>Devices</h2>
        <p class="hint">
          No device has registered. A CoAP device registers at <code>/rd</code> of the hub and becomes topics below{" "}
          <code>devices/</code>.
        </p>
      </main>
    );
  }
  return (
    <main class="page">
      <h2>Devices</h2>
      <p class="hint">
        {online} of {devices.length} online
      </p>
      <ul class="devices">
        {devices.slice(0, MAX_DEVICES).map((device) => (
          <li key={device.name} class="card">
            <DeviceCard model={model} device={device} />
          </li>
        ))}
      </ul>
      {devices.length > MAX_DEVICES && <p class="hint">The first {MAX_DEVICES} are shown.</p>}
    </main>
  );
}

function DeviceCard({ model, device }: { readonly model: PageModel; readonly device: Device }): JSX.Element {
  const { name, path, isOnline, resources } = device;
  const show = (topic: string): void => {
    model.view.value = "topics";
    model.query.value = "";
    model.select(topic);
  };
  return (
    <>
      <h3>
        <span class={isOnline ? "dot on" : "dot"} aria-hidden="true" />
        {name} <small>{isOnline ? "online" : "away"}</small>
      </h3>
      <ul class="resources">
        {resources.slice(0, MAX_RESOURCES).map(({ topic, newest }) => (
          <li key={topic}>
            <button class="link" onClick={() => show(topic)}>
              {topic.slice(path.length + 1)}
            </button>
            <span class="value">{newest && summarize(newest.payload)}</span>
          </li>
        ))}
      </ul>
      {resources.length > MAX_RESOURCES && <p class="hint">and {resources.length - MAX_RESOURCES} more</p>}
    </>
  );
}
