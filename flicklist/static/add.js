// Adding a movie: the field is cleared and keeps the focus, so that the next title can be typed at once.

import { showError, stop } from "./dom.js";
import { post, whenIdle } from "./in_place.js";

let count = 0;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "add") return;
  if (event.submitter?.matches(".find")) return event.stopImmediatePropagation(); // loads a page, for "Back"
  stop(event);
  const typed = new FormData(form);
  clear(form);
  whenIdle(`add ${++count}`, () => send(form, typed));
}, true);

// The form on the watched list has no reason.
const reasonOf = (form) => form.querySelector("details");

function clear(form) {
  for (const name of ["title", "film", "why"]) if (form[name]) form[name].value = "";
  if (reasonOf(form)) reasonOf(form).open = false;
  form.title.dispatchEvent(new Event("input", { bubbles: true })); // closes the suggestions
  form.title.focus();
}

async function send(form, typed) {
  const values = { ...Object.fromEntries(typed), ...(form.back && { back: location.pathname + location.search }) };
  const button = form.querySelector("button"); // htmx would not send the form itself while its field is empty
  const { failure } = await post(button, form.action, { values });
  if (failure) restore(form, typed, failure);
}

// Put the text back. If something else is in the field by now, the message keeps it.
function restore(form, typed, failure) {
  if (form.title.value) return showError(`“${typed.get("title")}” wasn’t added. ${failure}`);
  for (const name of ["title", "film", "why"]) if (form[name]) form[name].value = typed.get(name);
  if (reasonOf(form)) reasonOf(form).open = typed.get("why") !== "";
}
