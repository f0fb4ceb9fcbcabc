"use strict";
// Shows what /events sends. Everything is set as text, never as markup.

const shownMost = 200;
const state = document.getElementById("state");
const causes = document.getElementById("causes");
const latest = document.getElementById("latest");
const none = document.getElementById("none");
const number = new Intl.NumberFormat("en");
let counts = {};

function element(name, text, className) {
  const e = document.createElement(name);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

function showCauses() {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  causes.replaceChildren(...rows.map(([cause, n]) => {
    const row = document.createElement("tr");
    row.append(element("td", cause), element("td", number.format(n), "n"));
    return row;
  }));
}

function showState(s) {
  state.textContent = `${number.format(s.packets)} packets, ${number.format(s.resets)} resets, ` +
    `${number.format(s.open)} open connections, ${number.format(s.dropped)} packets dropped`;
  counts = s.causes || {};
  showCauses();
}

function showIncident(i) {
  none.hidden = true;
  const item = document.createElement("li");
  const head = document.createElement("p");
  head.append(element("time", i.time), " ", element("strong", i.title), " (", element("code", i.cause), ", ",
    element("span", i.confidence, "confidence"), ")");
  if (i.harm !== "none") head.append(" ", element("span", i.harm, "harm"));
  item.append(head, element("p", `${i.client} > ${i.server}, reset by the ${i.sender}`, "ends"));
  if (i.story) item.append(element("p", i.story));
  latest.prepend(item);
  while (latest.children.length > shownMost) latest.lastElementChild.remove();
}

const events = new EventSource("events");
events.addEventListener("begin", e => {
  const b = JSON.parse(e.data);
  latest.replaceChildren();
  showState(b.state);
  b.latest.forEach(showIncident);
});
events.addEventListener("state", e => showState(JSON.parse(e.data)));
events.addEventListener("incident", e => {
  const i = JSON.parse(e.data);
  counts[i.cause] = (counts[i.cause] || 0) + 1;
  showCauses();
  showIncident(i);
});
events.onerror = () => { state.textContent = "The connection to rstwhy was lost; trying again."; };
