// Shows what would come of an import on the same page, so that the file stays chosen.
"use strict";

(() => {
  function start() {
    const form = document.querySelector("[data-foam-import]");
    if (!form) return;
    const result = form.querySelector("[data-foam-result]");

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const asked = new FormData(form, event.submitter);
      const buttons = form.querySelectorAll("button");
      for (const button of buttons) button.disabled = true;
      result.textContent = "Reading…";
      try {
        const response = await fetch(form.action, {
          method: "POST", body: asked, redirect: "error",
        });
        const type = response.headers.get("Content-Type") || "";
        if (!type.startsWith("text/html")) throw new Error((await response.json()).detail);
        if (!response.ok) throw new Error();
        show(new DOMParser().parseFromString(await response.text(), "text/html"));
      } catch (error) {
        result.textContent =
          error.message && !(error instanceof TypeError)
            ? error.message
            : "This did not work. Sign in again, or try later.";
      }
      for (const button of buttons) button.disabled = false;
    });

    function show(answer) {
      result.replaceChildren(...answer.querySelector("[data-foam-result]").childNodes);
      // What is wrong stands at its field; what was typed and chosen stays.
      const old = form.querySelectorAll(".foam-move-field");
      answer.querySelectorAll(".foam-move-field").forEach((field, i) => {
        old[i].querySelectorAll("p").forEach((note) => note.remove());
        old[i].append(...field.querySelectorAll("p"));
      });
    }
  }

  document.addEventListener("DOMContentLoaded", start);
})();
