"use strict";

const BASE = document.body.dataset.base;
const REFRESH_MS = 3000;
const ACTIONS = { Stop: ["GET", "stop"], Restart: ["GET", "restart"], Terminate: ["DELETE", "terminate"] };

const byId = (id) => document.getElementById(id);
let key = sessionStorage.getItem("key") || "";
let pictures = [];

/** One request to the API; anything but a success is thrown with its text. */
async function ask(path, method = "GET") {
  const headers = key ? { "x-api-key": key } : {};
  const response = await fetch(BASE + path, { method, headers });
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}

/** Do something, show what went wrong, then show how things are. */
async function act(work) {
  try {
    await work();
    byId("problem").textContent = "";
  } catch (problem) {
    byId("problem").textContent = problem.message;
  }
}

function cell(...content) {
  const made = document.createElement("td");
  made.append(...content);
  return made;
}

function button(label, sessionId) {
  const [method, action] = ACTIONS[label];
  const made = document.createElement("button");
  made.textContent = label;
  made.addEventListener("click", () =>
    act(async () => {
      await ask(`/session/${action}/${encodeURIComponent(sessionId)}`, method);
      await show();
    }),
  );
  return made;
}

/** The QR code of a session; nothing once it is scanned. */
async function code(sessionId) {
  try {
    const response = await ask(`/session/qr/${encodeURIComponent(sessionId)}/image`);
    const image = document.createElement("img");
    image.alt = `QR code of ${sessionId}`;
    image.src = URL.createObjectURL(await response.blob());
    pictures.push(image.src);
    return [image];
  } catch {
    return [];
  }
}

async function show() {
  const { sessions } = await (await ask("/session/getSessions")).json();
  const old = pictures;
  pictures = [];
  const rows = [];
  for (const { sessionId, status } of sessions) {
    const row = document.createElement("tr");
    const shown = status === "qr" ? await code(sessionId) : [];
    const buttons = Object.keys(ACTIONS).map((label) => button(label, sessionId));
    row.append(cell(sessionId), cell(status), cell(...shown), cell(...buttons));
    rows.push(row);
  }
  byId("sessions").replaceChildren(...rows);
  old.forEach((url) => URL.revokeObjectURL(url));
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value;
  sessionStorage.setItem("key", key);
  act(show);
});

byId("start-form").addEventListener("submit", (event) => {
  event.preventDefault();
  act(async () => {
    await ask(`/session/start/${encodeURIComponent(byId("session").value)}`);
    await show();
  });
});

byId("key").value = key;
act(show);
setInterval(() => act(show), REFRESH_MS);
