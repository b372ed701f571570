// Elements. Text goes in as text, never as markup: names come from input.

const SVG = "http://www.w3.org/2000/svg";

function put(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children || []) if (child) element.append(child);
  return element;
}

const html = (name, attributes, children) => put(document.createElement(name), attributes, children);
const svg = (name, attributes, children) => put(document.createElementNS(SVG, name), attributes, children);

function button(text, act, attributes) {
  return html("button", { type: "button", text, onclick: act, ...attributes });
}
