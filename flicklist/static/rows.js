// Crossing off in place: the row is struck at once, and leaves the list when the pointer and the focus have left it.
// Otherwise the next row would move under the pointer.

import { all, showError, today } from "./dom.js";
import { post, whenIdle } from "./in_place.js";

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
  const options = { target: row, swap: "none", values: { today: today() } };
  const { html, failure } = await post(row, button.getAttribute("formaction"), options);
  row.ariaBusy = null;
  if (failure || document.querySelector("#said-alert .message")) revert(row, failure);
  else finish(row, button, html);
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

function revert(row, failure) {
  row.classList.toggle("crossed-off");
  if (failure) showError(`“${row.querySelector(".title").textContent}” wasn’t changed. ${failure}`);
  else whenIdle("refresh", refresh); // the form may be outdated
}

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
