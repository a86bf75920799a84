// While a reminder is edited, shows what it means and will say, and what is wrong with it.
"use strict";

(() => {
  const FIELDS = [
    "title", "body", "owner",
    "starts_at", "timezone", "recurrence", "exdates", "rdates", "gap", "fold", "leads",
  ];
  const PAUSE = 300; // ms without a key, so that not every letter asks

  function start() {
    const box = document.querySelector("[data-preview-url]");
    const form = box && box.closest("form");
    if (!form || !form.elements.starts_at) return;
    const hint = box.dataset.previewHint;
    let timer = 0;
    let asked = "";

    function refresh() {
      const body = bodyOf(form);
      if (body.toString() === asked) return;
      asked = body.toString();
      if (body.get("starts_at").trim() && body.get("timezone").trim()) {
        ask(box.dataset.previewUrl, body, asked);
      } else {
        show({ errors: {} }, hint);
      }
    }

    async function ask(url, body, question) {
      const token = form.elements.csrfmiddlewaretoken.value;
      let answer = { errors: {} };
      let note = "The preview cannot be shown just now.";
      try {
        const response = await fetch(url, {
          method: "POST", body, redirect: "error", headers: { "X-CSRFToken": token },
        });
        if (response.ok) {
          answer = await response.json();
          note = `For a preview, fill in or correct: ${Object.keys(answer.errors).map(labelOf).join(", ")}.`;
        }
      } catch (error) {
        // Offline, or signed out meanwhile: the note says so.
      }
      if (question === asked) show(answer, note);
    }

    function show(answer, note) {
      if (answer.html) box.innerHTML = answer.html;
      else box.textContent = note;
      for (const name of FIELDS) mark(name, answer.errors[name]);
    }

    function row(name) {
      return form.querySelector(`.field-${name}`);
    }

    function labelOf(name) {
      const label = row(name)?.querySelector("label");
      return label ? label.textContent.replace(/[:*]/g, "").trim().toLowerCase() : name;
    }

    function mark(name, message) {
      const place = row(name);
      if (!place) return;
      place.querySelector(".foam-preview-error")?.remove();
      // What a refused save has said there need not be said twice.
      if (!message || place.textContent.includes(message)) return;
      const line = document.createElement("div");
      line.className = "foam-preview-error mt-2 text-red-600 text-xs dark:text-red-500";
      line.textContent = message;
      (place.querySelector(".grow") || place).append(line);
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(refresh, PAUSE);
    }

    // A date that is taken out of a list is a click.
    for (const kind of ["input", "change", "click"]) form.addEventListener(kind, soon);
    refresh();
  }

  function bodyOf(form) {
    const values = new FormData(form);
    const body = new URLSearchParams();
    for (const name of FIELDS) {
      for (const value of values.getAll(name)) body.append(name, value);
    }
    return body;
  }

  document.addEventListener("DOMContentLoaded", start);
})();
