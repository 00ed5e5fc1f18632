// Shows a form of the hub on a page of another site, and sends it. Asks nothing of the page but a place to stand:
//   <div data-hub-form="NAME"></div> <script src="HUB/forms/NAME/embed.js" defer></script>
// Whatever comes from the hub is put in as text. Classes begin with hub-form, so that the site can style them.
(() => {
  "use strict";
  const source = new URL(document.currentScript.src);
  const name = decodeURIComponent(source.pathname.split("/").slice(-2)[0]);
  const address = source.origin + source.pathname.replace(/\/embed\.js$/, "");

  function made(tag, given = {}, ...inside) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(given)) {
      if (key === "text") element.textContent = value;
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...inside);
    return element;
  }

  function input(field, id) {
    const given = {
      id, name: field.name, class: "hub-form-input", required: field.required, autocomplete: field.autocomplete,
      "aria-describedby": id + "-fault",
    };
    return field.type === "textarea"
      ? made("textarea", { ...given, rows: 5, maxlength: 20000 })
      : made("input", { ...given, type: field.type, maxlength: 500 });
  }

  function row(field, id, words) {
    const label = made("label", { for: id, class: "hub-form-label", text: field.label });
    if (field.required) label.append(" ", made("abbr", { title: words.required, text: "*" }));
    label.style.display = "block"; // a site that has no style for it still sees one field below the other
    const fault = made("span", { id: id + "-fault", class: "hub-form-fault" });
    return made("p", { class: "hub-form-field" }, label, input(field, id), fault);
  }

  function trap(field) {
    const box = made("p", { "aria-hidden": "true", class: "hub-form-aside" },
      made("input", { name: field, type: "text", tabindex: "-1", autocomplete: "off", "aria-label": field }));
    // set from here, so that no policy of the site about styles stands in the way
    Object.assign(box.style, { position: "absolute", left: "-100rem", height: "1px", overflow: "hidden" });
    return box;
  }

  function built(told, place, number) {
    const form = made("form", { class: "hub-form", novalidate: true, lang: told.language, method: "post", action: address });
    if (told.title) form.append(made("h2", { class: "hub-form-title", text: told.title }));
    if (told.intro) form.append(made("p", { class: "hub-form-intro", text: told.intro }));
    if (told.fields.some((field) => field.required)) {
      form.append(made("p", { class: "hub-form-starred", text: told.words.starred }));
    }
    told.fields.forEach((field, n) => form.append(row(field, `hub-form-${number}-${n}`, told.words)));
    if (told.trap) form.append(trap(told.trap));
    told.consent.forEach((box, n) => {
      const id = `hub-form-${number}-consent-${n}`;
      form.append(made("p", { class: "hub-form-consent" },
        made("input", { id, type: "checkbox", name: box.name, value: "yes" }), " ",
        made("label", { for: id, text: box.wording })));
    });
    for (const [key, value] of Object.entries(told.hidden)) form.append(made("input", { type: "hidden", name: key, value }));
    const said = made("p", { class: "hub-form-said", role: "status", tabindex: "-1" });
    form.append(said, made("button", { type: "submit", class: "hub-form-button", text: told.button }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, told, said, place, number);
    });
    return form;
  }

  function mark(form, faults, words) {
    let first = null;
    for (const field of form.querySelectorAll(".hub-form-input")) {
      const word = faults[field.name];
      document.getElementById(field.id + "-fault").textContent = word ? words[word] || words.check : "";
      if (word) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
      if (word && !first) first = field;
    }
    return first;
  }

  function missing(form, told) {
    const faults = {};
    for (const field of told.fields) {
      if (field.required && !form.elements.namedItem(field.name).value.trim()) faults[field.name] = "empty";
    }
    return faults;
  }

  async function send(form, told, said, place, number) {
    const faults = missing(form, told);
    if (Object.keys(faults).length) {
      said.textContent = told.words.check;
      mark(form, faults, told.words).focus();
      return;
    }
    const button = form.querySelector("button");
    button.disabled = true;
    said.textContent = told.words.sending;
    try {
      const answer = await fetch(address, {
        method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "omit", headers: { Accept: "application/json" },
      });
      const body = await answer.json().catch(() => ({}));
      if (answer.ok) return done(told, body, place);
      if (answer.status === 422 && body.reason === "reworded") return renew(form, place, number, told);
      const first = mark(form, body.fields || {}, told.words);
      said.textContent = answer.status === 422 ? told.words.check : told.words[answer.status] || told.words.away;
      (first || said).focus();
    } catch {
      said.textContent = told.words.away;
      said.focus();
    } finally {
      button.disabled = false;
    }
  }

  // the form has changed while the page was open: shown anew, with what was written; boxes are to be ticked again
  async function renew(form, place, number, told) {
    const written = new FormData(form);
    const fresh = await show(place, number);
    for (const field of fresh ? fresh.querySelectorAll(".hub-form-input") : []) field.value = written.get(field.name) || "";
    const said = fresh && fresh.querySelector(".hub-form-said");
    if (said) {
      said.textContent = told.words.reworded;
      said.focus();
    }
  }

  function done(told, body, place) {
    if (told.thanks_url) {
      location.assign(told.thanks_url);
      return;
    }
    const said = made("p", { class: "hub-form-done", role: "status", tabindex: "-1", text: told.thanks });
    place.replaceChildren(said);
    if (body.confirmation === "mailed") place.append(made("p", { class: "hub-form-mailed", text: told.words.mailed }));
    said.focus();
  }

  async function show(place, number) {
    const language = place.dataset.lang || document.documentElement.lang || "";
    const query = language ? "?lang=" + encodeURIComponent(language) : "";
    try {
      const answer = await fetch(address + "/definition" + query, { credentials: "omit" });
      if (!answer.ok) throw new Error(String(answer.status));
      const form = built(await answer.json(), place, number);
      place.replaceChildren(form);
      return form;
    } catch (problem) {
      console.error("The form could not be shown:", problem); // what stood there before, such as a link, stays
      return null;
    }
  }

  const start = () => document.querySelectorAll("[data-hub-form]").forEach((place, number) => {
    if (place.dataset.hubForm === name) show(place, `${name}-${number}`);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
