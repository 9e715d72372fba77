// Sorts the table of submissions. Without it the table is in the order of the names, and says all the same.
"use strict";
const said = document.getElementById("sorted");

function keyOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.number === undefined ? cell.textContent.trim() : Number(cell.dataset.number);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  for (const head of table.tHead.rows[0].cells) {
    const column = head.cellIndex;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = rows.length > 0 && rows[0].cells[column].dataset.number !== undefined;
      const before = head.getAttribute("aria-sort");
      const up = before === null ? !numeric : before === "descending";
      for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sorted = rows.map((row, place) => ({ row, place, key: keyOf(row, column) }));
      sorted.sort((a, b) => {
        const order = numeric ? a.key - b.key : a.key.localeCompare(b.key, "en");
        return (up ? order : -order) || a.place - b.place;
      });
      body.append(...sorted.map((each) => each.row));
      said.textContent = `Sorted by ${button.textContent.trim()}, ${up ? "ascending" : "descending"}.`;
    });
  }
}
