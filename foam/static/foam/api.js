// Sends the forms of the browsable API as JSON, so that lists, numbers and null are what they are.
"use strict";

// One item as JSON has it; text that is no number stays text, for the server to refuse by name.
function itemOf(text, items) {
  return items === "number" && /^-?[0-9]+$/.test(text) ? Number(text) : text;
}

function itemsOf(texts, items) {
  return texts.map((text) => itemOf(text.trim(), items)).filter((item) => item !== "");
}

// The value of an input as the API takes it; undefined for nothing.
function valueOf(input) {
  const { kind, items } = input.dataset;
  if (kind === "checkbox") return input.checked;
  if (kind === "multiple") return itemsOf([...input.selectedOptions].map((option) => option.value), items);
  if (kind === "list") return itemsOf(input.value.split(","), items);
  if (input.value === "") return "null" in input.dataset ? null : "";
  if (kind === "json") return JSON.parse(input.value);
  if (kind === "select") return itemOf(input.value, items);
  if (kind === "number") return itemOf(input.value, "number");
  if (kind === "instant") return new Date(input.value).toISOString();
  return input.value;
}

function isEmpty(value) {
  return value === "" || value === null || (Array.isArray(value) && value.length === 0);
}

// An edit sends what was changed; anything else what was filled in, and what begins checked.
function bodyOf(form) {
  const body = {};
  for (const input of form.querySelectorAll("[data-kind]")) {
    const value = valueOf(input);
    const isChanged = JSON.stringify(value) !== input.dataset.before || "sent" in input.dataset;
    if (form.dataset.method === "PATCH" ? isChanged : !isEmpty(value)) body[input.name] = value;
  }
  return JSON.stringify(body);
}

function complain(form, text) {
  form.querySelector(".complaint")?.remove();
  const told = document.createElement("p");
  told.className = "error complaint";
  told.setAttribute("role", "alert");
  told.textContent = text;
  form.prepend(told);
}

async function send(form) {
  let body;
  try {
    body = "raw" in form.dataset ? form.elements.body.value : bodyOf(form);
    if (form.dataset.method !== "DELETE") JSON.parse(body);
  } catch (error) {
    return complain(form, `This is no JSON: ${error.message}`);
  }
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: form.dataset.method,
      headers: {
        Accept: "text/html",
        "Content-Type": "application/json",
        "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
      },
      body: form.dataset.method === "DELETE" ? undefined : body,
    });
    if (answer.ok && form.dataset.then) {
      location.assign(new URL(form.dataset.then, form.action));
      return;
    }
    show(await answer.text(), form.action);
  } catch (error) {
    complain(form, "The server does not answer. Try again.");
  } finally {
    button.disabled = false;
  }
}

// The answer is a page: it takes the place of this one.
function show(html, address) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (!page.querySelector("main")) return location.assign(address);
  history.pushState(null, "", address);
  document.title = page.title;
  document.body.replaceWith(page.body);
  prepare();
  const first = document.querySelector("[aria-invalid], [role=alert], main h1");
  if (first) {
    first.scrollIntoView({ block: "center" });
    if (first.matches("[aria-invalid]")) first.focus();
  }
}

function local(text) {
  const at = new Date(text);
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function prepare() {
  for (const input of document.querySelectorAll("[data-instant]")) {
    if (input.dataset.instant) input.value = local(input.dataset.instant);
  }
  for (const input of document.querySelectorAll("[data-kind]")) {
    if (input.type !== "file") input.dataset.before = JSON.stringify(valueOf(input));
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.method || form.enctype === "multipart/form-data") return;
  event.preventDefault();
  send(form);
});
window.addEventListener("popstate", () => location.reload());
prepare();
