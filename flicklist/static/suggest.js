// Suggestions while something is typed: an ARIA 1.2 combobox for an input with the URL of the suggestions. With
// data-suggest it is a title, and films are suggested. With data-complete it is one or more tags, separated by commas,
// and the last one is completed. The listeners are on the document, so that inputs added later work too.
(() => {
  "use strict";

  const FIELD = "input:is([data-suggest], [data-complete])";
  const OPTION = ".suggestions [role=option]";
  const PAUSE_MILLISECONDS = 120;
  const COMMA = /[,،、，]/; // as in labels.py
  let timer, running;
  let lists = 0;

  const field = (event) => (event.target.matches?.(FIELD) ? event.target : null);
  const isTitle = (input) => "suggest" in input.dataset;
  const yearOf = (input) => (isTitle(input) ? input.form?.elements.year : null);
  const lastTagOf = (input) => input.value.split(COMMA).at(-1);
  const queryOf = (input) => (isTitle(input) ? input.value : lastTagOf(input)).trim();
  const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const isOpen = (input) => input.getAttribute("aria-expanded") === "true";
  const optionsOf = (input) => [...(listOf(input)?.children ?? [])];
  const activeOf = (input) => optionsOf(input).find((option) => option.getAttribute("aria-selected") === "true");

  function equip(input) {
    if (listOf(input)) return;
    const list = document.createElement("ul");
    list.id = `suggestions-${++lists}`;
    list.className = "suggestions";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Suggestions");
    (input.closest("label") ?? input).after(list); // within the label, it would be part of the input's name
    const state = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" };
    for (const [name, value] of Object.entries(state)) input.setAttribute(name, value);
  }

  function forget() {
    clearTimeout(timer);
    running?.abort();
  }

  function show(input, suggestions) {
    const list = listOf(input);
    list.replaceChildren(...suggestions.map(isTitle(input) ? filmOption : optionFor));
    optionsOf(input).forEach((option, index) => { option.id = `${list.id}-${index}`; });
    list.hidden = suggestions.length === 0;
    input.setAttribute("aria-expanded", String(suggestions.length > 0));
    input.removeAttribute("aria-activedescendant");
  }

  function optionFor(text) {
    const option = document.createElement("li");
    const shown = document.createElement("span");
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    shown.dir = "auto";
    shown.textContent = option.dataset.text = text;
    option.append(shown);
    return option;
  }

  function filmOption(film) {
    const option = optionFor(film.title);
    option.dataset.film = film.id;
    const year = document.createElement("small");
    const director = document.createElement("small");
    year.textContent = option.dataset.year = film.year;
    director.className = "director";
    director.textContent = film.director;
    option.append(" ", year, " ", director);
    return option;
  }

  function close(input) {
    forget();
    if (isOpen(input)) show(input, []);
  }

  function activate(input, option) {
    for (const other of optionsOf(input)) other.setAttribute("aria-selected", String(other === option));
    if (!option) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  // Beyond either end, move to the field itself, then to the other end.
  function move(input, step) {
    const stops = [undefined, ...optionsOf(input)];
    activate(input, stops.at((stops.indexOf(activeOf(input)) + step) % stops.length));
  }

  function choose(input, option) {
    if (isTitle(input)) input.value = option.dataset.text;
    else completeTag(input, option.dataset.text);
    const year = yearOf(input);
    if (year) year.value = year.dataset.suggested = option.dataset.year;
    const film = input.form?.elements.film;
    if (film) film.value = option.dataset.film;
    close(input);
  }

  function completeTag(input, tag) {
    const others = input.value.slice(0, input.value.length - lastTagOf(input).length);
    input.value = `${others}${others && " "}${tag}`;
  }

  // The year of a chosen film does not apply to another title.
  function dropSuggestedYear(input) {
    const year = yearOf(input);
    if (year?.dataset.suggested && year.value === year.dataset.suggested) year.value = "";
    if (year) delete year.dataset.suggested;
  }

  async function ask(input) {
    const controller = (running = new AbortController());
    const path = input.dataset.suggest ?? input.dataset.complete;
    const url = `${path}?q=${encodeURIComponent(queryOf(input))}`;
    try {
      const response = await fetch(url, { signal: controller.signal, redirect: "manual" });
      const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
      const suggestions = response.ok && isJson ? await response.json() : [];
      if (!controller.signal.aborted && document.activeElement === input) show(input, suggestions);
      // Logged out: do not ask again.
      if (response.type === "opaqueredirect") for (const name of ["suggest", "complete"]) delete input.dataset[name];
    } catch {
      if (!controller.signal.aborted && input.isConnected) close(input); // suggestions are optional
    }
  }

  const steps = { ArrowDown: 1, ArrowUp: -1 };

  function press(input, event) {
    const option = activeOf(input);
    if (event.key in steps) move(input, steps[event.key]);
    else if (event.key === "Enter" && option) choose(input, option);
    else if (event.key === "Escape") close(input);
    else return;
    event.preventDefault();
  }

  document.addEventListener("focusin", (event) => field(event) && equip(event.target));
  document.addEventListener("focusout", (event) => field(event) && close(event.target));
  document.addEventListener("submit", forget);
  document.addEventListener("input", (event) => {
    const input = field(event);
    if (!input) return;
    equip(input);
    forget();
    dropSuggestedYear(input);
    if (!queryOf(input)) close(input);
    else timer = setTimeout(ask, PAUSE_MILLISECONDS, input);
  });
  document.addEventListener("keydown", (event) => {
    const input = field(event);
    if (input && isOpen(input) && !event.isComposing) press(input, event);
  });
  // Keep the focus in the field when an option is pressed. Otherwise the list would close before the click.
  document.addEventListener("mousedown", (event) => event.target.closest?.(OPTION) && event.preventDefault());
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.(OPTION);
    const input = option && document.querySelector(`${FIELD}[aria-controls="${option.parentElement.id}"]`);
    if (input) choose(input, option);
  });
  document.querySelectorAll(FIELD).forEach(equip);
})();
