import type { JSX } from "preact";
import type { PageModel } from "../page-model.js";
import { DeviceList } from "./device-list.js";
import { HubView } from "./hub-view.js";
import { SignIn } from "./sign-in.js";
import { TopBar } from "./top-bar.js";
import { TopicsView } from "./topics-view.js";

/** What every part of the page gets. */
export interface PageProps {
  readonly model: PageModel;
}

/** The whole page. */
export function Page({ model }: PageProps): JSX.Element {
  return (
    <>
      <TopBar model={model} />
      {model.isSigningIn.value ? <SignIn model={model} /> : viewOf(model)}
    </>
  );
}

function viewOf(model: PageModel): JSX.Element {
  switch (model.view.value) {
    case "topics":
      return <TopicsView model={model} />;
    case "devices":
      return <DeviceList model={model} />;
    case "hub":
      return <HubView model={model} />;
  }
}
