// Starts Redoc with fonts of this machine, in light or dark, and without what it asks others for.
"use strict";

// Redoc shows its maker's logo from its maker's server: images from elsewhere are not asked for.
const image = HTMLImageElement.prototype;
const { setAttribute } = image;
const source = Object.getOwnPropertyDescriptor(image, "src");

function isOurs(address) {
  const url = new URL(address, location);
  return url.protocol === "data:" || url.origin === location.origin;
}

image.setAttribute = function (name, value) {
  if (name !== "src" || isOurs(value)) setAttribute.call(this, name, value);
};
Object.defineProperty(image, "src", {
  ...source,
  set(value) {
    if (isOurs(value)) source.set.call(this, value);
    // It hides what cannot be loaded.
    else setTimeout(() => this.dispatchEvent(new Event("error")));
  },
});

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const container = document.getElementById("redoc");

const fonts = {
  fontFamily: "system-ui, sans-serif",
  headings: { fontFamily: "system-ui, sans-serif", fontWeight: "600" },
  code: { fontFamily: "ui-monospace, monospace" },
};
const light = {
  colors: { primary: { main: "#0d665f" } },
  sidebar: { backgroundColor: "#f1f7f6", textColor: "#16302f" },
  rightPanel: { backgroundColor: "#123231" },
  typography: { ...fonts, code: { ...fonts.code, color: "#8a2f12" }, links: { color: "#0a665e" } },
};
const dark = {
  colors: {
    primary: { main: "#2dd4bf" },
    success: { main: "#4ade80" },
    error: { main: "#fca5a5" },
    text: { primary: "#e7f1f0", secondary: "#b3c7c5" },
    border: { dark: "#3b5351", light: "#2b4240" },
    responses: {
      success: { color: "#86efac", backgroundColor: "#143524", tabTextColor: "#86efac" },
      error: { color: "#fca5a5", backgroundColor: "#3d1c1c", tabTextColor: "#fca5a5" },
    },
    http: {},
  },
  schema: {
    nestedBackground: "#162827",
    typeNameColor: "#b3c7c5",
    typeTitleColor: "#b3c7c5",
    linesColor: "#3f6360",
    requireLabelColor: "#fca5a5",
  },
  sidebar: { backgroundColor: "#112120", textColor: "#dcebe9" },
  rightPanel: { backgroundColor: "#0b1615" },
  typography: {
    ...fonts,
    code: { ...fonts.code, color: "#fdba74", backgroundColor: "#1d3331" },
    links: { color: "#5eead4", visited: "#5eead4", hover: "#99f6e4" },
  },
};

function draw() {
  const theme = prefersDark.matches ? dark : light;
  const options = { theme, nativeScrollbars: true, hideDownloadButtons: true, scrollYOffset: 0 };
  Redoc.init(container.dataset.schema, options, container);
}

prefersDark.addEventListener("change", () => location.reload());
draw();
