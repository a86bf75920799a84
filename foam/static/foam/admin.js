// The admin by keyboard and by screen reader: what its templates make clickable for a mouse alone.
"use strict";

(() => {
  const CLICKABLE = "[x-on\\:click], [\\@click]";
  const NATIVE = "a[href], button, input, select, textarea, summary, label";
  const FOCUSABLE = "a[href], button, input, select, [tabindex='0']";
  const FIELDS =
    "input:not([type=hidden]), select, textarea, [role=combobox], [role=searchbox], [role=textbox]";
  // What opens beside the thing that was pressed.
  const PANELS = "#changelist-filter, nav[x-show], [id^='related-widget-wrapper-']";
  const NAMES = {
    dock_to_right: "Show or hide the navigation",
    close: "Close",
    search: "Search",
    alarm: "FOAM",
    delete: "Remove",
    more_vert: "More",
  };

  function isVisible(element) {
    return Boolean(element.offsetWidth || element.offsetHeight);
  }

  // The words beside a field of a form.
  function rowLabel(element) {
    const row = element.closest("[class*='field-']");
    const label = row?.querySelector("label");
    return label ? label.textContent.replace(/[*:]/g, "").replace(/\s+/g, " ").trim() : "";
  }

  function nameOf(element) {
    const text = element.textContent.trim();
    const icon = NAMES[text];
    const label = rowLabel(element);
    return icon ? [icon, label].filter(Boolean).join(": ") : "";
  }

  function makeButton(element) {
    element.dataset.foamButton = "";
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    const name = element.title || nameOf(element);
    if (name) element.setAttribute("aria-label", name);
    markExpanded(element);
  }

  // The part of the page that a button opens and closes, by Unfold's own attributes.
  function panelOf(button) {
    const handler = button.closest(CLICKABLE);
    const action = handler.getAttribute("x-on:click") || handler.getAttribute("@click");
    const flag = /^\s*(\w+) = !\1\s*$/.exec(action)?.[1];
    return flag && handler.closest("[x-data]")?.querySelector(`[x-show="${flag}"]`);
  }

  // Alpine shows a panel only with the next frame: what is said is what can be seen.
  function markExpanded(button) {
    const panel = panelOf(button);
    if (panel) button.setAttribute("aria-expanded", String(isVisible(panel)));
  }

  function improve(root) {
    for (const element of root.querySelectorAll(CLICKABLE)) {
      if (element.matches(NATIVE) || element.id === "changelist-filter-close") continue;
      // A heading stays one: what it holds is the button.
      const isHeading = /^H[1-6]$/.test(element.tagName);
      let button = element;
      if (isHeading) {
        if (element.querySelector("[data-foam-button]")) continue;
        button = document.createElement("span");
        button.className = "flex grow items-center";
        button.append(...element.childNodes);
        element.append(button);
      }
      if (!("foamButton" in button.dataset)) makeButton(button);
    }
    for (const icon of root.querySelectorAll(".material-symbols-outlined")) {
      if ("foamButton" in icon.dataset) continue;
      icon.setAttribute("aria-hidden", "true");
      const control = icon.closest("a[href], button, [data-foam-button]");
      if (control && !control.hasAttribute("aria-label") && isIconOnly(control)) {
        control.setAttribute("aria-label", control.title || NAMES[icon.textContent.trim()] || "Open");
      }
    }
    for (const field of root.querySelectorAll(FIELDS)) nameField(field);
    for (const tip of root.querySelectorAll("span.help-tooltip[aria-label]")) tip.setAttribute("role", "img");
    // A choice of several: what can be cleared stands in its list as well.
    for (const list of root.querySelectorAll("ul.select2-selection__rendered")) {
      for (const part of [list, ...list.children]) part.setAttribute("role", "none");
    }
  }

  function isIconOnly(control) {
    const icons = [...control.querySelectorAll(".material-symbols-outlined")];
    const length = icons.reduce((sum, icon) => sum + icon.textContent.trim().length, 0);
    return control.textContent.replace(/\s/g, "").length === length;
  }

  // The searches of choices have labels that name no element: they get the one of their field.
  function nameField(field) {
    const choice = field.closest(".select2-container")?.previousElementSibling;
    if (!choice && (field.labels?.length || field.hasAttribute("aria-label"))) return;
    const label = choice?.labels?.[0]?.textContent.replace(/[*:]/g, "").trim() || rowLabel(field);
    if (!label || field.getAttribute("aria-label") === label) return;
    field.removeAttribute("aria-labelledby");
    field.setAttribute("aria-label", label);
  }

  // After a key has opened a panel, the focus goes into it: with the frame that shows it.
  function enter(closed, frames = 60) {
    const panel = closed.find(isVisible);
    if (panel) panel.querySelector(FOCUSABLE)?.focus();
    else if (frames) requestAnimationFrame(() => enter(closed, frames - 1));
  }

  function press(event) {
    const button = event.target;
    if (!(button instanceof HTMLElement) || !("foamButton" in button.dataset)) return;
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const closed = [...document.querySelectorAll(PANELS)].filter((panel) => !isVisible(panel));
    button.click();
    enter(closed);
  }

  function start() {
    improve(document);
    document.addEventListener("keydown", press);
    // Rows of a list, and the searches of choices, come later; panels are shown and hidden by style.
    new MutationObserver((changes) => {
      if (changes.some((change) => change.addedNodes.length)) improve(document);
      if (changes.some((change) => change.type === "attributes" && change.target.hasAttribute("x-show"))) {
        for (const button of document.querySelectorAll("[data-foam-button]")) markExpanded(button);
      }
    }).observe(document.body, { attributeFilter: ["style"], childList: true, subtree: true });
  }

  document.addEventListener("DOMContentLoaded", start);
})();
