// Shows one step at a time. Without it all steps stand one below the other.
"use strict";
const steps = [...document.querySelectorAll("section.step")];
const links = [...document.querySelectorAll("nav.steps a")];
const said = document.getElementById("said");
const previous = document.getElementById("previous");
const next = document.getElementById("next");
const all = document.getElementById("all");
let now = -1;

function show(place) {
  now = Math.max(0, Math.min(steps.length - 1, place));
  steps.forEach((step, i) => step.classList.toggle("now", i === now));
  links.forEach((link, i) => {
    if (i === now) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  });
  previous.disabled = now === 0;
  next.disabled = now === steps.length - 1;
  said.textContent = `${now + 1} of ${steps.length}`;
  const strip = links[now].closest("nav");
  strip.scrollLeft += links[now].getBoundingClientRect().left - strip.getBoundingClientRect().left - strip.clientWidth / 2;
  // On a narrow screen the drawing is wider than its frame: what is computed, and of what, comes into view.
  const frame = steps[now].querySelector(".drawing");
  const boxes = [...frame.querySelectorAll(":is(circle, rect, line):is(.lit, .used)")].map((part) => part.getBoundingClientRect());
  if (boxes.length) {
    const left = Math.min(...boxes.map((box) => box.left));
    const right = Math.max(...boxes.map((box) => box.right));
    frame.scrollLeft += (left + right) / 2 - frame.getBoundingClientRect().left - frame.clientWidth / 2;
  }
}

function go(place) {
  show(place);
  history.replaceState(null, "", `#${steps[now].id}`);
}

function fromHash() {
  const place = steps.findIndex((step) => `#${step.id}` === location.hash);
  show(place < 0 ? Math.max(now, 0) : place);
}

document.body.classList.add("stepping");
document.getElementById("controls").hidden = false;
previous.addEventListener("click", () => go(now - 1));
next.addEventListener("click", () => go(now + 1));
all.addEventListener("click", () => {
  const stepping = document.body.classList.toggle("stepping");
  all.setAttribute("aria-pressed", String(!stepping));
});
links.forEach((link, i) => link.addEventListener("click", (event) => {
  if (!document.body.classList.contains("stepping")) return;
  event.preventDefault();
  go(i);
}));
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!document.body.classList.contains("stepping")) return;
  // Where something scrolls sideways, the arrows are its own.
  const frame = event.target.closest?.("[tabindex]");
  if (frame && frame.scrollWidth > frame.clientWidth) return;
  if (event.key === "ArrowRight") go(now + 1);
  else if (event.key === "ArrowLeft") go(now - 1);
  else return;
  event.preventDefault();
});
addEventListener("hashchange", fromHash);
fromHash();
