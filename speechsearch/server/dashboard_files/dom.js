// Elements of words, and rows of tables.

export function text(tag, words, name = "") {
  const element = document.createElement(tag);
  element.textContent = words;
  if (name) element.className = name;
  return element;
}

/** Replace a table's rows; ``out(row)`` names the columns whose cells are out of bounds. */
export function fill(body, rows, out = () => false) {
  body.replaceChildren(
    ...rows.map((cells, place) => {
      const row = document.createElement("tr");
      const marked = out(place) || [];
      row.append(...cells.map((cell, column) => text("td", `${cell}`, marked.includes(column) ? "out" : "")));
      return row;
    }),
  );
}
