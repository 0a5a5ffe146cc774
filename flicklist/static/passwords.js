// Each password field has a button that shows what was typed.

import { all } from "./dom.js";

function addButtons() {
  for (const field of all(".password:not(:has(.show-password)) input")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "show-password";
    button.ariaPressed = "false";
    button.title = "Show password";
    button.textContent = `Show ${nameOf(field)}`;
    field.closest(".password").append(button);
  }
}

const nameOf = (field) => field.labels[0].textContent.trim().toLowerCase();
const fieldOf = (button) => button.parentElement.querySelector("input");

function show(button, isShown) {
  button.ariaPressed = String(isShown);
  fieldOf(button).type = isShown ? "text" : "password";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".show-password");
  if (button) show(button, button.ariaPressed === "false");
});

// Browsers and password managers would keep the text of another kind of field.
document.addEventListener("submit", (event) => {
  for (const button of all(".show-password", event.target)) show(button, false);
}, true);

// The body is replaced when a response in place is another page.
new MutationObserver(addButtons).observe(document.documentElement, { childList: true });
addButtons();
