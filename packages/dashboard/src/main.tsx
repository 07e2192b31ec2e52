import { render } from "preact";
import { PageModel } from "./page-model.js";
import { Page } from "./ui/page.js";

// Beside the page, wherever a proxy has put it.
const url = new URL("mqtt", document.baseURI);
url.protocol = url.protocol.replace("http", "ws");

const model = new PageModel(url);
model.open();
render(<Page model={model} />, document.body);
