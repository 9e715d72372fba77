"""A small page that passes every check, into which a test puts what the check must find."""

from __future__ import annotations

CASE = '{"X": [[1.0]]}'
STYLE = """
body { margin: 0; font: 16px sans-serif; background: #fff; color: #111; overflow-wrap: anywhere; }
pre { overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: #eee; }
  button { background: #333; color: #eee; }
}
@media print { pre { white-space: pre-wrap; } details { display: none; } }
"""
# Copies as the page of a report must: with the clipboard, else through a text area; and it says so.
SCRIPT = """
const area = text => {
  const made = document.createElement("textarea");
  made.value = text;
  document.body.append(made);
  made.select();
  const done = document.execCommand("copy");
  made.remove();
  if (!done) throw new Error("not allowed");
};
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      try { await navigator.clipboard.writeText(text); } catch { area(text); }
      button.textContent = "Copied";
      document.getElementById("copied").textContent = `Copied: ${button.dataset.copy}`;
    } catch {
      document.getElementById("copied").textContent = "Could not be copied";
    }
    button.focus();
  });
}
"""


def doctored(body: str = "", *, style: str = "", script: str = SCRIPT, copies: str = "case") -> str:
    """The page, with `body` before its end, `style` after its own and the script in the place of its own."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>A page</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<style>{STYLE}{style}</style></head>
<body><main>
<h1>A page</h1>
<p id="copied" role="status" aria-live="polite"></p>
<article><h2>A card</h2>
<pre tabindex="0" aria-label="Command"><code id="command">backproof replay cases/0.json</code></pre>
<button type="button" class="copy" data-copy="command" hidden>Copy</button>
<details><summary>The case</summary><pre tabindex="0"><code id="case">{CASE}</code></pre>
<button type="button" class="copy" data-copy="{copies}" hidden>Copy</button></details>
</article>
{body}
</main>
<script>{script}</script>
</body></html>
"""
