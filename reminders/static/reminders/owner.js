// The channels that the form of a reminder offers are those of its owner.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const $ = window.django?.jQuery;
  const names = ["channels", "escalate_channels"];
  const selects = names.map((name) => document.getElementById(`id_${name}`)).filter(Boolean);
  if (!$ || !selects.length) return;
  const field = document.getElementById("id_owner");

  function owner() {
    return field ? field.value : selects[0].dataset.owner || "";
  }

  // A new channel of the + beside the field is the owner's as well.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.add-related");
    if (!link || !names.some((name) => link.id === `add_id_${name}`)) return;
    const url = new URL(link.href);
    url.searchParams.set("owner", owner());
    link.href = url;
  }, true);

  $.ajaxPrefilter((options) => {
    const asked = new URLSearchParams(typeof options.data === "string" ? options.data : "");
    if (options.url.includes("/autocomplete/") && names.includes(asked.get("field_name"))) {
      asked.set("owner", owner());
      options.data = asked.toString();
    }
  });
  $(field).on("change", () => $(selects).val(null).trigger("change"));
});
