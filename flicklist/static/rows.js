// Crossing off in place: the row is struck at once, and leaves the list when the pointer and the focus have left it.
// Otherwise the next row would move under the pointer.

import { all, showError, today } from "./dom.js";
import { whenIdle } from "./in_place.js";

const STRUCK = ".movies > .crossed-off";
let pointerIsOnList = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest(".movies .cross-off");
  if (!button) return;
  event.preventDefault();
  const row = button.closest("li");
  if (event.detail > 1 || row.ariaBusy === "true") return;
  row.classList.toggle("crossed-off");
  row.ariaBusy = "true";
  whenIdle(`row ${button.getAttribute("formaction")}`, () => send(row, button));
});

async function send(row, button) {
  const response = { status: 0 };
  const keep = ({ detail: { xhr } }) => { Object.assign(response, { status: xhr.status, html: xhr.responseText }); };
  row.addEventListener("htmx:afterRequest", keep, { once: true });
  const options = { source: row, target: row, swap: "none", values: { today: today() } };
  await htmx.ajax("POST", button.getAttribute("formaction"), options).catch(() => {});
  row.ariaBusy = null;
  if (response.status === 200 && !document.querySelector("#said-alert .message")) finish(row, button, response.html);
  else revert(row, button, response.status);
  leaveIfUnused();
}

// The button now undoes, with the path in the message, or crosses off again.
function finish(row, button, html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const count = page.getElementById("count");
  if (count) document.getElementById("count")?.replaceChildren(...count.childNodes);
  button.dataset.crossOff ??= button.getAttribute("formaction");
  const undo = document.querySelector("#said-status .message > form")?.getAttribute("action");
  const isStruck = row.matches(".crossed-off");
  button.setAttribute("formaction", isStruck && undo ? undo : button.dataset.crossOff);
  const title = row.querySelector(".title").textContent;
  button.title = isStruck ? "Undo" : "I watched it!";
  button.ariaLabel = isStruck ? `Undo: ${title}` : `I watched it! ${title}`;
}

function revert(row, button, status) {
  row.classList.toggle("crossed-off");
  const title = row.querySelector(".title").textContent;
  const reason = status ? "The site had a problem." : "The site did not answer. Check your connection.";
  if (status === 0 || status >= 500 || status === 429) showError(`“${title}” wasn’t changed. ${reason} Try again.`);
  else whenIdle("refresh", refresh); // the form may be outdated
}

// An error page would take the place of the whole list, although the other rows still work.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, xhr } = event.detail;
  if (!requestConfig.elt.matches?.(".movies > li") || (xhr.status < 500 && xhr.status !== 429)) return;
  event.detail.shouldSwap = false;
  event.stopImmediatePropagation();
}, true);

function watchPointer(event) {
  pointerIsOnList = event.target.closest?.(".movies") !== null;
  leaveIfUnused();
}

function leaveIfUnused() {
  const isInUse = pointerIsOnList || document.activeElement?.closest(".movies");
  if (isInUse || !document.querySelector(STRUCK) || all(".movies > [aria-busy]").length) return;
  whenIdle("refresh", refresh);
}

function refresh() {
  const changing = document.getElementById("changing");
  htmx.ajax("GET", location.href, { source: changing, target: changing, select: "#changing", swap: "outerHTML show:none" }).catch(() => {});
}

document.addEventListener("pointerover", watchPointer);
document.addEventListener("pointerdown", watchPointer);
document.documentElement.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "mouse") return; // a finger leaves whenever it is lifted
  pointerIsOnList = false;
  leaveIfUnused();
});
document.addEventListener("focusout", () => setTimeout(leaveIfUnused));
