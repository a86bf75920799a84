// Goes on by itself with what a bulk action has left; "Stop here" is in time for a second.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-goes-on]");
  const timer = setTimeout(() => form.requestSubmit(), 1000);
  form.addEventListener("submit", () => clearTimeout(timer));
});
