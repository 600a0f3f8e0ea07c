// Markdown pages as `marked` (GitHub's dialect) makes HTML of them: the heading, and the tables as texts of their cells.
import fs from "node:fs";
import { JSDOM } from "jsdom";
import { marked } from "marked";

const read = (text) => {
  const { document } = new JSDOM(marked.parse(text, { gfm: true })).window;
  const tables = [...document.querySelectorAll("table")];
  return {
    heading: document.querySelector("h1").textContent,
    tables: tables.map((table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent))),
    tags: [...new Set([...document.querySelectorAll("td *")].map((found) => found.tagName))],
  };
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(Object.fromEntries(Object.entries(jobs).map(([name, text]) => [name, read(text)]))));
