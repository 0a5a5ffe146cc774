// The sort order and the filters apply at once, and the bar says how many movies are selected. Without any, its actions
// are disabled.

import { all } from "./dom.js";

document.addEventListener("change", (event) => {
  const { form } = event.target;
  if (form?.id === "search") form.requestSubmit();
  if (form?.id === "selection") countSelected();
});

// The Enter key presses the first button, which need not be in the panel. A change of a field presses none.
document.addEventListener("submit", (event) => {
  const panel = event.submitter && event.target.querySelector(".filters");
  if (panel) panel.open = false;
});

// Empty fields would make the URL long.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "search") return;
  for (const [name, value] of [...detail.formData]) if (value === "") detail.formData.delete(name);
});

function countSelected() {
  const label = document.querySelector(".selected-label");
  if (!label) return;
  const count = all("[form=selection]:checked").length;
  label.textContent = `${count} selected`;
  for (const button of all("#selection button")) button.disabled = count === 0;
}

document.addEventListener("htmx:afterSettle", countSelected);
countSelected();
