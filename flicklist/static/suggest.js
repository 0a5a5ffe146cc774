// Suggests films while a title is typed: an ARIA 1.2 combobox for an input whose data-suggest has the URL of the
// suggestions. It listens on the document, so it also works for inputs that are added later.
(() => {
  "use strict";

  const FIELD = "input[data-suggest]";
  const OPTION = ".suggestions [role=option]";
  const PAUSE_MILLISECONDS = 120;
  let timer, answer;

  const field = (event) => (event.target.matches?.(FIELD) ? event.target : null);
  const yearOf = (input) => input.form?.elements.year;
  const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const isOpen = (input) => input.getAttribute("aria-expanded") === "true";
  const optionsOf = (input) => [...(listOf(input)?.children ?? [])];
  const activeOf = (input) => optionsOf(input).find((option) => option.getAttribute("aria-selected") === "true");

  function equip(input) {
    if (listOf(input)) return;
    const list = document.createElement("ul");
    list.id = "suggestions";
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
    answer?.abort();
  }

  function show(input, films) {
    listOf(input).replaceChildren(...films.map(optionFor));
    listOf(input).hidden = films.length === 0;
    input.setAttribute("aria-expanded", String(films.length > 0));
    input.removeAttribute("aria-activedescendant");
  }

  function optionFor(film, index) {
    const option = document.createElement("li");
    const title = document.createElement("span");
    const year = document.createElement("small");
    const director = document.createElement("small");
    option.id = `suggestion-${index}`;
    option.dataset.film = film.id;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    title.dir = "auto";
    title.textContent = option.dataset.title = film.title;
    year.textContent = option.dataset.year = film.year;
    director.className = "director";
    director.textContent = film.director;
    option.append(title, " ", year, " ", director);
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
    input.value = option.dataset.title;
    const year = yearOf(input);
    if (year) year.value = year.dataset.suggested = option.dataset.year;
    const film = input.form?.elements.film;
    if (film) film.value = option.dataset.film;
    close(input);
  }

  // The year of a chosen film does not apply to another title.
  function dropSuggestedYear(input) {
    const year = yearOf(input);
    if (year?.dataset.suggested && year.value === year.dataset.suggested) year.value = "";
    if (year) delete year.dataset.suggested;
  }

  async function ask(input) {
    const asked = (answer = new AbortController());
    const url = `${input.dataset.suggest}?q=${encodeURIComponent(input.value)}`;
    try {
      const response = await fetch(url, { signal: asked.signal, redirect: "manual" });
      const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
      const films = response.ok && isJson ? await response.json() : [];
      if (!asked.signal.aborted && document.activeElement === input) show(input, films);
      if (response.type === "opaqueredirect") delete input.dataset.suggest; // logged out: do not ask again
    } catch {
      if (!asked.signal.aborted && input.isConnected) close(input); // suggestions are optional
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
    if (!input.value.trim()) close(input);
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
