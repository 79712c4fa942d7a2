// A document of the test's own, as small as the report's script needs: elements, texts, attributes, listeners. What would turn a
// text into markup is not there, so a script that tried it would fail. load() gives the page's script such a document.
"use strict";
const vm = require("vm");

class Node {
  constructor() {
    this.childNodes = [];
    this.parentNode = null;
  }
  get firstChild() {
    return this.childNodes[0] || null;
  }
  get textContent() {
    return this.childNodes.map((child) => child.textContent).join("");
  }
  append(...children) {
    for (const one of children) {
      const child = typeof one === "string" ? new Text(one) : one;
      if (!(child instanceof Node)) throw new TypeError("append takes nodes and texts, not " + child);
      if (child.parentNode) child.parentNode.childNodes.splice(child.parentNode.childNodes.indexOf(child), 1);
      child.parentNode = this;
      this.childNodes.push(child);
    }
  }
  replaceChildren(...children) {
    this.childNodes.forEach((child) => (child.parentNode = null));
    this.childNodes = [];
    this.append(...children);
  }
}

class Text extends Node {
  constructor(text) {
    super();
    this.data = text;
  }
  get textContent() {
    return this.data;
  }
}

const REFLECTED = ["hidden", "open", "disabled", "selected"];

class Element extends Node {
  constructor(document, name, namespace) {
    super();
    Object.assign(this, { document, name, namespace, attributes: new Map(), listeners: new Map(), clientWidth: 900 });
    if (name === "input" || name === "select") this.value = "";
  }
  setAttribute(name, value) {
    if (!/^[a-z][a-zA-Z0-9-]*$/.test(name) || /^on/.test(name) || name === "style") throw new Error("attribute " + name);
    this.attributes.set(name, String(value));
    if (REFLECTED.includes(name)) this[name] = true;
  }
  getAttribute(name) {
    return this.attributes.has(name) ? this.attributes.get(name) : null;
  }
  addEventListener(type, listener) {
    this.listeners.set(type, [...(this.listeners.get(type) || []), listener]);
  }
  fire(type, more) {
    const event = { type, button: 0, preventDefault() {}, stopPropagation() {}, ...more };
    for (const listener of this.listeners.get(type) || []) listener(event);
  }
  click() {
    this.fire("click");
  }
  focus() {
    this.document.activeElement = this;
  }
  scrollIntoView() {}
  getBoundingClientRect() {
    return { left: 0, top: 0, width: Number(this.getAttribute("width")) || 900, height: 100 };
  }
  get className() {
    return this.getAttribute("class") || "";
  }
  *all() {
    for (const child of this.childNodes) {
      if (!(child instanceof Element)) continue;
      yield child;
      yield* child.all();
    }
  }
  find(test) {
    return [...this.all()].filter(typeof test === "string" ? (one) => one.className.split(" ").includes(test) : test);
  }
  // What a person could read: not what is hidden.
  get shownText() {
    if (this.hidden) return "";
    return this.childNodes.map((child) => (child instanceof Element ? child.shownText : child.textContent)).join(" ");
  }
}
Object.defineProperty(Element.prototype, "hidden", { writable: true, value: false });

function load(script, json) {
  const document = { activeElement: null, listeners: [] };
  const data = { textContent: json };
  document.createElement = (name) => new Element(document, name, "html");
  document.createElementNS = (namespace, name) => new Element(document, name, namespace);
  document.createTextNode = (text) => new Text(text);
  const root = new Element(document, "div", "html");
  document.getElementById = (id) => (id === "data" ? data : id === "report" ? root : null);
  document.querySelectorAll = () => [];
  const window = { addEventListener() {} };
  const context = vm.createContext({ document, window, TextEncoder, console });
  vm.runInContext(script, context, { filename: "report" });
  return { root, document, ask: (code) => vm.runInContext(code, context) };
}

module.exports = { load, Element };
