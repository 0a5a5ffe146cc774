// Messages, menus and filters can be closed, also with Escape. "Undo" is the next Tab stop after the control that was used.

import { all } from "./dom.js";

const TAB_STOPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
const COVERS = ":is(.row-menu, .filters)[open]";
let used = null; // the control that had the focus when the message came

const isShown = (element) => element.checkVisibility?.() ?? true;
const stopsIn = (element) => all(TAB_STOPS, element).filter(isShown);
const messageOf = (element) => element?.closest(".message") ?? null;

function close(message) {
  const hadFocus = message.contains(document.activeElement);
  message.remove();
  if (hadFocus && used?.isConnected) used.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".message .close");
  if (!link) return;
  event.preventDefault();
  close(messageOf(link));
});

document.addEventListener("htmx:afterSwap", () => setTimeout(() => {
  if (!messageOf(document.activeElement)) used = document.activeElement;
}));

// A row with the focus must not be behind the messages; see flicklist.css.
const measure = () => {
  const height = document.querySelector(".messages").offsetHeight;
  document.documentElement.style.setProperty("--over-list", `${height}px`);
};
new MutationObserver(measure).observe(document.documentElement, { childList: true, subtree: true });
measure();

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented) return;
  if (event.key === "Escape") escape();
  if (event.key === "Tab" && used?.isConnected) tab(event);
});

function escape() {
  const cover = document.querySelector(COVERS);
  if (cover) {
    cover.open = false;
    cover.querySelector("summary").focus();
  } else {
    all(".message").forEach(close);
  }
}

function tab(event) {
  const message = messageOf(document.activeElement);
  const next = message ? afterMessage(message, event.shiftKey) : beforeMessage(event.shiftKey);
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: messageOf(next) !== null });
}

function beforeMessage(isBackward) {
  if (isBackward || document.activeElement !== used) return null;
  return document.querySelector("#said-status .message > form button");
}

// From the ends of the message, go on from the control that was used.
function afterMessage(message, isBackward) {
  const stops = stopsIn(message);
  if (document.activeElement !== stops.at(isBackward ? 0 : -1)) return null;
  if (isBackward) return used;
  const others = stopsIn(document).filter((stop) => !messageOf(stop));
  return others[others.indexOf(used) + 1];
}

// A click elsewhere closes what covers the list.
document.addEventListener("click", (event) => {
  for (const each of all(COVERS)) if (!each.contains(event.target)) each.open = false;
});
