// A rating becomes five stars that save with one click. By keyboard: arrow keys, then Enter.

import { all } from "./dom.js";

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
const MAX_HALVES = 10; // half-stars

const selectOf = (slider) => slider.nextElementSibling;
const savedOf = (slider) => Number(slider.dataset.saved);
const shownOf = (slider) => Number(slider.ariaValueNow) * 2;

// Put stars in place of all ratings that do not have them yet.
export function showStars() {
  for (const select of all(".rating select[name=rating]")) {
    if (select.previousElementSibling?.matches("[role=slider]")) continue;
    const slider = document.createElement("span");
    slider.className = "star-slider";
    slider.tabIndex = 0;
    slider.role = "slider";
    slider.ariaLabel = select.ariaLabel;
    select.ariaLabel = null;
    slider.ariaValueMin = "0";
    slider.ariaValueMax = "5";
    slider.dataset.saved = Number(select.value) * 2;
    show(slider, savedOf(slider));
    select.before(slider);
  }
}

function show(slider, halves) {
  slider.style.setProperty("--halves", halves);
  slider.ariaValueNow = String(halves / 2);
  slider.ariaValueText = halves ? `${Math.floor(halves / 2) || ""}${halves % 2 ? "½" : ""} of 5 stars` : "no rating";
}

function save(slider, halves) {
  show(slider, halves);
  const select = selectOf(slider);
  select.value = halves ? String(halves / 2) : "";
  select.form.requestSubmit(select.nextElementSibling);
}

function halvesAt(slider, event) {
  const { left, width } = slider.getBoundingClientRect();
  return Math.min(MAX_HALVES, Math.max(1, Math.ceil(((event.clientX - left) / width) * MAX_HALVES)));
}

const sliderOf = (event) => event.target.closest?.("[role=slider]");

for (const type of ["pointerover", "pointermove"]) {
  document.addEventListener(type, (event) => {
    const slider = sliderOf(event);
    if (slider && event.pointerType === "mouse") show(slider, halvesAt(slider, event));
  });
}

for (const type of ["pointerout", "focusout"]) {
  document.addEventListener(type, (event) => {
    const slider = sliderOf(event);
    if (slider) show(slider, savedOf(slider));
  });
}

// A click on the rating that a movie has removes it.
document.addEventListener("click", (event) => {
  const slider = sliderOf(event);
  if (!slider || event.detail > 1) return;
  const halves = halvesAt(slider, event);
  save(slider, halves === savedOf(slider) ? 0 : halves);
});

document.addEventListener("keydown", (event) => {
  const slider = sliderOf(event);
  if (!slider || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in STEPS) show(slider, Math.min(MAX_HALVES, Math.max(0, shownOf(slider) + STEPS[event.key])));
  else if (event.key === "Home") show(slider, 0);
  else if (event.key === "End") show(slider, MAX_HALVES);
  else if (/^[0-5]$/.test(event.key)) show(slider, Number(event.key) * 2);
  else if (event.key === "Enter" && !event.repeat) save(slider, shownOf(slider));
  else return;
  event.preventDefault();
});
