// Runs the dashboard's script over a page that is no more than it uses, and plays its reader.
// node page.mjs <base URL> <path of app.js> <key> <session>
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [base, script, key, session] = process.argv.slice(2);
let changed = () => {};

class Element {
  constructor(tag) {
    this.tag = tag;
    this.children = [];
    this.dataset = {};
    this.listeners = {};
    this.text = "";
    this.value = "";
  }
  get textContent() {
    return this.text + this.children.map((each) => each.textContent ?? each).join("");
  }
  set textContent(text) {
    this.children = [];
    this.text = text;
    changed();
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
    changed();
  }
  addEventListener(kind, listener) {
    this.listeners[kind] = listener;
  }
  fire(kind) {
    this.listeners[kind]({ preventDefault() {} });
  }
  all(tag) {
    const inner = this.children.filter((each) => each instanceof Element);
    return [...(this.tag === tag ? [this] : []), ...inner.flatMap((each) => each.all(tag))];
  }
}

const elements = {};
const byId = (id) => (elements[id] ??= new Element(id));
const document = { body: new Element("body"), getElementById: byId, createElement: (tag) => new Element(tag) };
document.body.dataset.base = base;
const blobs = [];
const kept = {};
let refresh;
vm.runInNewContext(readFileSync(script, "utf8"), {
  document,
  fetch,
  encodeURIComponent,
  sessionStorage: { getItem: (name) => kept[name] ?? null, setItem: (name, value) => (kept[name] = value) },
  URL: { createObjectURL: (blob) => `blob:${blobs.push(blob)}`, revokeObjectURL: () => {} },
  setInterval: (work) => (refresh = work),
});

async function until(fits) {
  for (;;) {
    const news = new Promise((resolve) => (changed = resolve));
    if (fits()) return;
    await news;
    if (refreshing && !fits()) refresh();
  }
}

let refreshing = false;
const rows = () => byId("sessions").all("tr");
const told = { steps: [] };

await until(() => byId("problem").textContent !== "");
told.steps.push(byId("problem").textContent);
byId("key").value = key;
byId("key-form").fire("submit");
await until(() => byId("problem").textContent === "" && kept.key === key);
byId("session").value = session;
byId("start-form").fire("submit");
refreshing = true;
await until(() => byId("sessions").all("img").length === 1);
told.steps.push(rows().map((row) => row.children.slice(0, 2).map((each) => each.textContent)));
const file = Buffer.from(await blobs.at(-1).arrayBuffer());
told.picture = file.toString("base64");
process.stdout.write(`${JSON.stringify(told)}\n`);
await new Promise((resolve) => process.stdin.once("data", resolve));
refresh();
await until(() => rows().some((row) => row.children[1].textContent === "connected"));
told.images = byId("sessions").all("img").length;
const [, , terminate] = rows()[0].all("button");
told.label = terminate.textContent;
terminate.fire("click");
await until(() => rows().length === 0);
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
