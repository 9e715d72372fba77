// Copies commands, cases and scripts, and opens what a link leads to. Without it the page says all the same.
"use strict";
const said = document.getElementById("copied");

// Where a browser does not let a page use the clipboard, a selection can still be copied.
function copySelection(text) {
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "hidden";
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  return done;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copy).textContent);
    button.focus();
    button.textContent = done ? "Copied" : "Not allowed";
    const what = button.getAttribute("aria-label").slice("Copy ".length);
    said.textContent = done ? `Copied ${what}.` : `This browser does not let the page copy ${what}.`;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

function open() {
  let element = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const target = element;
  for (; element; element = element.parentElement) {
    if (element.tagName === "DETAILS") element.open = true;
  }
  target?.scrollIntoView();
}
addEventListener("hashchange", open);
if (location.hash) open();
