// Brings changes without a reload. The page works without it: every button is a plain form.
"use strict";

const parts = new Map();

// A part in which somebody is ticking boxes is left alone until the form is sent.
function busy(element) {
  const at = document.activeElement;
  const ticked = element.querySelector("input[type=checkbox]:checked");
  return Boolean(ticked) || (at && at.type === "checkbox" && element.contains(at));
}

function draw(id, html) {
  const element = document.getElementById(id);
  if (!element) { location.reload(); return; }
  if (busy(element)) { parts.set(id, html); return; }
  parts.delete(id);
  const open = new Set();
  element.querySelectorAll("details[open][data-key]").forEach((d) => open.add(d.dataset.key));
  const at = document.activeElement;
  const form = at && element.contains(at) ? at.closest("form") : null;
  const again = form ? form.getAttribute("action") : null;
  element.innerHTML = html;
  element.querySelectorAll("details[data-key]").forEach((d) => { d.open = open.has(d.dataset.key); });
  if (again) {
    const same = element.querySelector(`form[action="${CSS.escape(again)}"] button`);
    if (same) { same.focus({ preventScroll: true }); }
  }
}

const source = new EventSource("/events");
source.addEventListener("part", (event) => draw(event.lastEventId, event.data));

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  const part = form.closest("[data-part]");
  if (part) { part.querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked = false; }); }
  try {
    const reply = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (reply.type !== "opaqueredirect" && !reply.ok) { location.reload(); return; }
  } catch (error) {
    location.reload();
    return;
  }
  form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  const waiting = part && parts.get(part.id);
  if (waiting) { draw(part.id, waiting); }
});
