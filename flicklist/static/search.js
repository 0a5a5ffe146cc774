// The sort order and the filters apply at once, and the bar says how many movies are selected.

import { all } from "./dom.js";

document.addEventListener("change", (event) => {
  const { form } = event.target;
  if (form?.id === "search") form.requestSubmit();
  if (form?.id === "selection") countSelected();
});

// Empty fields would make the URL long.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "search") return;
  for (const [name, value] of [...detail.formData]) if (value === "") detail.formData.delete(name);
});

function countSelected() {
  const label = document.querySelector(".selected-label");
  if (label) label.textContent = `${all("[form=selection]:checked").length} selected`;
}

document.addEventListener("htmx:afterSettle", countSelected);
countSelected();
