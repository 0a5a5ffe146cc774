// Forms and links with data-hx-boost update the page in place, one request at a time.

import { all, focusOn, showError, stop, today } from "./dom.js";
import { showStars } from "./stars.js";

const ROWS = ".movies > li";
// Without the links of tags, the next row has the same controls in the same places.
const CONTROLS = "a:not(.tags a, .chip), button, input, select, textarea, summary, [role=slider]";
const LINKS = "a[data-hx-boost=true], [data-hx-boost=true] a";
const TWO_CLICKS_MILLISECONDS = 300;
const NO_ANSWER = "The site didn’t answer. Check your connection and try again.";
const TOO_MANY_REQUESTS = 429;

// --- One request at a time, because its response replaces forms on the page ---

const waiting = new Map();
let running = null;
let movedAt = -Infinity; // when something else last came under the pointer

const isBusy = () => document.querySelector(".htmx-request") !== null;

// Call the function when no request is running. Of several with the same key, only the first is called.
export function whenIdle(key, send) {
  if (key === running) return;
  if (!waiting.has(key)) waiting.set(key, send);
  sendNext();
}

function sendNext() {
  if (isBusy()) return;
  running = null;
  if (waiting.size === 0) return;
  const [key, send] = waiting.entries().next().value;
  waiting.delete(key);
  running = key;
  send();
  if (!isBusy()) setTimeout(sendNext); // it sent no request
}

document.addEventListener("htmx:afterRequest", () => setTimeout(sendNext));
document.addEventListener("htmx:afterSettle", () => setTimeout(sendNext));

document.addEventListener("submit", (event) => {
  if (event.target.id === "add") return; // see add.js
  const button = placeOf(event.submitter ?? event.target.elements[0]);
  const key = JSON.stringify(button);
  if (isBusy()) {
    if (button) whenIdle(key, () => find(button)?.click());
    return stop(event);
  }
  running = key;
  // Set the date on submit, because the page may have been loaded before midnight.
  const field = event.target.elements.namedItem("today");
  if (field) field.value = today();
}, true);

// The second click of a double click, or a held key, would hit a message or another button, which has moved there.
document.addEventListener("toggle", () => { movedAt = performance.now(); }, true);
document.addEventListener("click", (event) => {
  const isSecond = event.detail > 1 || event.pointerType === "touch";
  const isTooSoon = isSecond && performance.now() - movedAt < TWO_CLICKS_MILLISECONDS;
  if (isTooSoon && event.target.closest("[data-hx-boost] button, .message")) stop(event);
  const link = event.target.closest(LINKS);
  if (link && !event.ctrlKey && !event.metaKey) followWhenIdle(event, link.textContent);
}, true);

// A response replaces the links on the page, so a link that was clicked meanwhile is found again by its text.
function followWhenIdle(event, text) {
  const key = `link ${text}`;
  if (isBusy()) {
    whenIdle(key, () => all(LINKS).find((link) => link.textContent === text)?.click());
    return stop(event);
  }
  running = key;
}

document.addEventListener("keydown", (event) => {
  if (event.repeat && event.key === "Enter" && event.target.closest("[data-hx-boost] button, .movies button")) stop(event);
}, true);

// --- Failures: nothing is swapped, so what was typed stays ---

// Return why a request failed, or null: a refused form did not fail.
function failureOf(xhr) {
  if (xhr.status !== TOO_MANY_REQUESTS && xhr.status < 500) return null;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  return page.querySelector(".failure h1 + p")?.textContent ?? "The site had a problem. Try again.";
}

// Send a POST from an element, and return its response, or why it failed.
export async function post(source, path, options) {
  const response = { html: "", failure: NO_ANSWER };
  const keep = ({ detail: { xhr } }) => {
    if (xhr.status) Object.assign(response, { html: xhr.responseText, failure: failureOf(xhr) });
  };
  source.addEventListener("htmx:afterRequest", keep, { once: true });
  await htmx.ajax("POST", path, { source, ...options }).catch(() => {});
  return response;
}

// --- Redirects to another page, such as the login wall ---

// Show the response itself: loading the page again would lose its messages, which are sent only once.
function showWhole(html, address) {
  const page = new DOMParser().parseFromString(html, "text/html");
  document.title = page.title;
  for (const field of all("[autofocus]", page)) field.autofocus = false; // it gets the focus below
  document.body.replaceWith(document.adoptNode(page.body));
  history.replaceState({ htmx: true }, "", location); // going back reloads this page
  if (address !== location) history.pushState({ htmx: true }, "", address);
  htmx.process(document.body);
  showStars();
  scrollTo({ top: 0, behavior: "instant" });
  const invalid = document.querySelector("[aria-invalid=true]");
  if (invalid) invalid.focus();
  else focusOn(document.querySelector("main h1"));
}

// --- State that is kept across a swap ---

const keyOf = (row) => row.id || row.querySelector("[name=movie]")?.value || row.querySelector("a.title")?.href;
const rowOf = (key) => all(ROWS).find((row) => keyOf(row) === key);

// Return the place of a field or button, to find it again after the swap.
function placeOf(element) {
  const row = element.closest(ROWS);
  const home = row ?? element.closest(".message, form[id]");
  if (!home) return null;
  const place = { index: all(CONTROLS, home).indexOf(element), tag: element.tagName };
  if (!row) return { ...place, home: home.id ? `#${home.id}` : ".message" };
  return { ...place, key: keyOf(row), number: [...row.parentElement.children].indexOf(row) };
}

// Another kind of control in the same place, such as what follows a button that is gone, is not the one.
function find({ home, key, index, tag }) {
  const found = home ? document.querySelector(home) : rowOf(key);
  return found && all(CONTROLS, found).slice(index, index + 1).find((control) => control.tagName === tag);
}

// If the control is gone, use its row. If the row has left the list, use the one that is now in its place.
function findOrNext(place) {
  const rows = all(ROWS);
  const next = rows[Math.min(place.number, rows.length - 1)];
  return find(place) ?? rowOf(place.key) ?? (next && all(CONTROLS, next)[place.index]);
}

const nameOf = (details) => details.id || all("main details").indexOf(details);

const isTickable = (field) => field.type === "checkbox" || field.type === "radio";

function isChanged(field) {
  if (isTickable(field)) return field.checked !== field.defaultChecked;
  if (!field.options) return field.value !== field.defaultValue;
  const first = [...field.options].findIndex((option) => option.defaultSelected);
  return field.selectedIndex !== Math.max(first, 0);
}

// Return the unsent input of all other forms, and the version that an edit started from. Without the version, the edit
// would overwrite changes from another window.
function unsent(form) {
  const fields = all("#changing :is(input:not([type=hidden]), select, textarea)");
  const changed = fields.filter((field) => field.form && field.form !== form && isChanged(field));
  const versions = new Set(changed.map((field) => field.form.elements.namedItem("version")).filter(Boolean));
  return [...changed, ...versions]
    .map((field) => ({ place: placeOf(field), value: field.value, checked: field.checked, data: { ...field.dataset } }))
    .filter(({ place }) => place);
}

function restoreField({ place, value, checked, data }) {
  const field = find(place);
  if (!field) return;
  if (isTickable(field)) field.checked = checked;
  else field.value = value;
  Object.assign(field.dataset, data);
}

function focusAgain({ focused, caret }) {
  if (document.activeElement !== document.body) return;
  const control = focused && findOrNext(focused);
  if (!control || control.matches(ROWS)) return focusOn(control ?? document.querySelector("main h1"));
  control.focus({ preventScroll: true });
  if (caret.every(Number.isInteger) && control.setSelectionRange) control.setSelectionRange(...caret);
}

// --- Swapping ---

let seen = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  const failure = failureOf(xhr);
  if (failure) {
    event.detail.shouldSwap = false;
    return showError(failure);
  }
  const landed = new URL(xhr.responseURL);
  if (landed.pathname !== location.pathname) {
    event.detail.shouldSwap = false;
    // The URL of an error response shows something else when it is reloaded.
    showWhole(xhr.responseText, xhr.status < 400 ? landed : location);
    return;
  }
  if (requestConfig.verb !== "get" && landed.search !== location.search) {
    history.replaceState({ htmx: true }, "", landed);
  }
  const { activeElement } = document;
  const isRefused = /class="message error"/.test(xhr.responseText);
  seen = {
    height: requestConfig.elt.matches("[rel]") ? 0 : scrollY, // start at the top of another page
    focused: placeOf(activeElement),
    caret: [activeElement.selectionStart, activeElement.selectionEnd],
    unsent: unsent(isRefused ? null : requestConfig.elt),
    open: new Set(all("main details[open]:not(.row-menu)").map(nameOf)),
  };
});

document.addEventListener("htmx:afterSwap", () => {
  movedAt = performance.now();
  if (!seen) return;
  showStars();
  seen.unsent.forEach(restoreField);
  all("main details").forEach((details) => { details.open ||= seen.open.has(nameOf(details)); });
  scrollTo({ top: seen.height, behavior: "instant" });
  focusAgain(seen);
  seen = null;
});

document.addEventListener("htmx:oobAfterSwap", showStars);
document.addEventListener("htmx:sendError", () => showError(NO_ANSWER));
