// What page_checks.py asks a page that is open: an object of functions, each of which returns lines of text.
(() => {
  const path = element => {
    const names = [];
    for (let e = element; e && e !== document.body && names.length < 4; e = e.parentElement) {
      const classes = [...e.classList].map(name => "." + name).join("");
      names.unshift(e.localName + (e.id ? "#" + e.id : "") + classes);
    }
    return names.join(" > ");
  };
  const named = element => {
    const text = element.textContent.trim().replace(/\s+/g, " ");
    return `${path(element)} “${text.slice(0, 40)}${text.length > 40 ? "…" : ""}”`;
  };
  const ancestors = function* (node) {
    for (let e = node.parentElement; e; e = e.parentElement) yield e;
  };

  // Elements that jut out beyond the edge of the window, or texts out of it or of their boxes. What lies beyond the edge can
  // be reached only where something scrolls, which lies inside itself; the window, whose scrolling html and body
  // pass on, must not, and on paper nothing does. What `hidden` cuts off is lost. Texts are measured by
  // themselves: a long word juts out of a box that stays where it is.
  const overflows = paper => {
    const root = document.scrollingElement;
    const edge = root.clientWidth;
    const found = [];
    const scrolls = e => !paper && e !== document.body && e !== document.documentElement
      && ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
    const inside = node => [...ancestors(node)].some(scrolls);
    const forScreenReaders = e => {
      const style = getComputedStyle(e);
      return style.position === "absolute" && e.clientWidth <= 1 && style.overflowX === "hidden";
    };
    const unseen = e => [e, ...ancestors(e)].some(forScreenReaders);
    const px = Math.round;
    const alike = {};  // of the many cells of a table, a few are told
    const tell = (what, e) => {
      const place = path(e).replace(/[0-9]+/g, "");
      alike[place] = (alike[place] || 0) + 1;
      if (alike[place] <= 3) found.push(`${what}: ${named(e)}`);
    };
    if (root.scrollWidth > edge) found.push(`the page is ${root.scrollWidth} px wide in a window of ${edge}`);
    for (const e of document.body.querySelectorAll("*")) {
      const box = e.getBoundingClientRect();
      const outer = e.parentElement.getBoundingClientRect();
      if (!box.width || box.right <= edge + 1 || (outer.width && outer.right >= box.right)) continue;
      if (e.checkVisibility() && !inside(e) && !unseen(e)) tell(`to ${px(box.right)} of ${edge} px`, e);
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      let block = text.parentElement;
      // Formulas lay out their own boxes: glyphs may jut out of one as they should.
      if (!text.data.trim() || !block.checkVisibility() || block.closest("math")) continue;
      range.selectNodeContents(text);
      const words = range.getBoundingClientRect();
      if (!words.width || unseen(block)) continue;
      if (words.right > edge + 1 || words.left < -1) {
        if (!inside(text)) tell(`text from ${px(words.left)} to ${px(words.right)} of ${edge} px`, block);
        continue;
      }
      while (["inline", "contents"].includes(getComputedStyle(block).display)) block = block.parentElement;
      const out = words.right - block.getBoundingClientRect().right;
      if (out > 1 && !scrolls(block)) tell(`text ${px(out)} px out of its box`, block);
    }
    return found;
  };

  // Every element in its order; <wbr> aside, of which a name has as many as underscores.
  const structure = () => [...document.querySelectorAll("*:not(wbr)")].map(e => {
    const attributes = [...e.attributes].map(each => each.name).sort();
    return `${[...ancestors(e)].length} ${e.localName} ${e.id} ${e.className} ${attributes}`;
  });

  const liveTexts = () => [...document.querySelectorAll("*")].flatMap(e => [...e.attributes]
    .filter(each => /^on/i.test(each.name) || /^\s*javascript:/i.test(each.value))
    .map(each => `would run: <${e.localName} ${each.name}="${each.value.slice(0, 99)}">`));

  const deadButtons = () => [...document.querySelectorAll("button")]
    .filter(e => !e.hidden || e.checkVisibility())
    .map(e => `a button that does nothing: ${named(e)}`);

  // What is read of the page, but for what only scripts need.
  const words = () => {
    document.querySelectorAll("button, [role=status]").forEach(each => each.remove());
    return document.body.innerText.split(/\s+/).filter(word => word).join(" ");
  };

  const unprinted = () => {
    const shown = e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true});
    const contents = e => [...e.children].filter(child => child.localName !== "summary");
    return [...document.querySelectorAll("article details")].filter(shown)
      .filter(e => !contents(e).some(child => shown(child) && child.getBoundingClientRect().height))
      .map(e => `printed without what it folds up: ${named(e)}`);
  };

  // What has the focus: whether for the first time, and the complaint if one does not see that it has.
  const focused = () => {
    const e = document.activeElement;
    if (e === document.body || e === document.documentElement) return null;
    const style = getComputedStyle(e);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const first = !e.hadTheFocus;
    e.hadTheFocus = true;
    return {first, complaint: outlined ? "" : `has the focus and no outline: ${named(e)}`};
  };

  return {overflows, structure, liveTexts, deadButtons, words, unprinted, focused};
})()
