// What is calling stands behind the # of the address: it never leaves the browser in one. Sent on in a body.
"use strict";

function lookUp() {
  const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
  const form = document.getElementById("desk-find");
  for (const by of ["phone", "mail", "customer_number"]) {
    const who = given.get(by);
    if (!who) continue;
    history.replaceState(null, "", location.pathname);
    form.elements.by.value = by;
    form.elements.who.value = who;
    form.requestSubmit();
    return;
  }
}

window.addEventListener("hashchange", lookUp);
lookUp();

const who = document.getElementById("desk-find").elements.who;
who.addEventListener("focus", () => who.select()); // what is typed next takes its place
