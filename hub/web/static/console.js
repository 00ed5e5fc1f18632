// Keys on the work lists, the menu on a phone, and the token that every change carries. Pages work without it.
"use strict";

const token = document.querySelector('meta[name="csrf"]').content;
document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = token;
});

const isTyping = (element) => element.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
const rows = () => [...document.querySelectorAll("[data-row]")];
const current = () => document.querySelector("[data-row].current");

function go(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  current()?.classList.remove("current");
  next.classList.add("current");
  next.scrollIntoView({ block: "nearest" });
  (next.querySelector("a") || next.querySelector("button, input") || next).focus({ preventScroll: true });
}

const own = {
  j: () => go(1),
  k: () => go(-1),
  x: () => current()?.querySelector("input[type=checkbox]")?.click(),
  "?": () => document.getElementById("keys").showModal(),
};

let led = false; // "g" was pressed
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const name = led ? `g ${event.key}` : event.key;
  led = !led && event.key === "g";
  const wanted = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === name);
  if (name === "g o") location.assign("/");
  else if (wanted) isTyping(wanted) ? wanted.focus() : wanted.click();
  else if (own[name]) own[name]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle=menu]");
  if (toggle) {
    const open = document.body.classList.toggle("menu");
    toggle.setAttribute("aria-expanded", String(open));
  }
  const all = event.target.closest("[data-choose=all]");
  if (all) all.form.querySelectorAll("input[type=checkbox][name=number], input[type=checkbox][name=row]").forEach((box) => { box.checked = all.checked; });
});

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.confirm;
  if (asked && !window.confirm(asked)) event.preventDefault();
});

// What can be copied is text on the page: where there is no clipboard, it is chosen.
document.querySelectorAll("[data-copies]").forEach((button) => { button.hidden = false; });
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const lines = document.getElementById(button.dataset.copies);
  getSelection().selectAllChildren(lines);
  const said = button.parentElement.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(lines.textContent);
    said.textContent = button.dataset.copied;
  } catch {
    said.textContent = button.dataset.chosen;
  }
});
