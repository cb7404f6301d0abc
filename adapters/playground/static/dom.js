// Elements, made with text only: nothing anybody wrote is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (true for a bare one; false, null and undefined are left out) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

/** One of the icons in /static/icons.svg. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A paragraph of text in which `backticks` set words apart as code. */
export function prose(text, className = "prose") {
  const parts = text.split(/`([^`\n]+)`/);
  return make("p", { class: className }, ...parts.map((part, at) => (at % 2 ? make("code", {}, part) : part)));
}

export const byId = (id) => document.getElementById(id);
