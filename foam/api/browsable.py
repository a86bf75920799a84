"""The browsable API: a page for each address, with a form for every action of its view."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import getattr_static
from typing import Any

from django.http import Http404
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.exceptions import APIException, ParseError
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request, override_method
from rest_framework.schemas import DefaultSchema
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer
from rest_framework.settings import api_settings

from foam.api.docstrings import describe
from foam.api.html_forms import Input, inputs
from foam.api.json_html import linked
from foam.api.roots import nouns

# No other host, and no inline script or style.
CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
WRITING = ("POST", "PUT", "PATCH")
ABSENT = {401, 404, 410}


@dataclass(slots=True)
class Form:
    """The form of one action. Without `fields` and `raw` it is a button."""

    name: str
    title: str
    method: str
    action: str
    help: str = ""
    fields: list[Input] = field(default_factory=list)
    raw: str | None = None
    is_open: bool = False

    @property
    def has_file(self) -> bool:
        return any(field.kind == "file" for field in self.fields)


class Renderer(BrowsableAPIRenderer):
    def get_context(
        self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]
    ) -> dict[str, Any]:
        view, request = renderer_context["view"], renderer_context["request"]
        response = renderer_context["response"]
        page = BrowsablePage(view, request, data)
        renderer: Any = self.get_default_renderer(view)
        content = self.get_content(renderer, data, accepted_media_type, renderer_context)
        paginator = getattr(view, "paginator", None)
        response["Content-Security-Policy"] = CSP
        crumbs = breadcrumbs(request.path)
        # Show the form alone for an address that only takes POST.
        is_form = request.method == "GET" and response.status_code == 405 and bool(page.forms)
        # Offer no actions on an object that does not exist or is another user's.
        is_there = response.status_code not in ABSENT
        return {
            "view": view,
            "request": request,
            "response": response,
            "user": request.user,
            "name": " ".join(text for text, _ in crumbs[1:]) or "API",
            "crumbs": crumbs,
            "nouns": [(titled(href.split("/")[-2]), href) for href in nouns().values()],
            "description": self.get_description(view, response.status_code),
            "paginator": paginator if getattr(paginator, "display_page_controls", 0) else None,
            "content": "" if is_form else as_html(content, getattr(view, "basename", None)),
            "problem": data if response.status_code >= 400 and not is_form else None,
            "other_errors": page.other_errors(),
            "forms": page.forms if is_there else [],
            "is_form": is_form,
            "actions": list(page.actions()) if is_there else [],
            "delete": page.delete() if is_there else None,
            "filters": self.get_filter_form(data, view, request),
            "login": first_url("account_login", "admin:login"),
            "logout": first_url("account_logout", "admin:logout"),
        }


class BrowsablePage:
    """The forms of one address, and of the actions below it."""

    def __init__(self, view: Any, request: Request, data: Any) -> None:
        self.view, self.request, self.data = view, request, data
        self.errors = errors_of(data)

    @cached_property
    def forms(self) -> list[Form]:
        """The forms of this address: to create, to edit, or of its action."""
        forms = []
        if self._allows("POST"):
            name = self._handler("POST")
            title, href = self._title(name), self._address(name)
            form = self._form(self.view, name, title, "POST", href)
            form.is_open = form.is_open or name != "create"
            forms += [form, *self._other_forms(name, href)]
        method = next((verb for verb in ("PATCH", "PUT") if self._allows(verb)), None)
        if method and (instance := self._object()) is not None:
            forms.append(self._edit(method, instance))
        return forms

    def actions(self) -> Iterator[Form]:
        """Yield the forms of the other actions of this object or list."""
        for method in getattr(self.view, "get_extra_actions", list)():
            if method.detail != getattr(self.view, "detail", None) or self._is_action:
                continue
            view = self._view_of(method)
            try:
                href = self.view.reverse_action(method.url_name, kwargs=self.view.kwargs)
            except NoReverseMatch:
                # Its address needs an argument, such as an external id.
                continue
            for verb, name in method.mapping.items():
                if not _is_permitted(view, verb.upper()):
                    continue
                title = titled(name)
                if verb == "post":
                    yield self._form(view, name, title, "POST", href)
                elif verb == "get":
                    yield self._question(view, name, title, href)

    def delete(self) -> Form | None:
        if not self._allows("DELETE") or self.request.method == "DELETE":
            return None
        return Form("destroy", "Delete", "DELETE", self.request.path)

    def other_errors(self) -> list[tuple[str, str]]:
        """Return the errors that belong to no field of the forms."""
        field_names = {field.name for form in self.forms for field in form.fields}
        return [
            (name, text)
            for name, texts in self.errors.items()
            for text in texts
            if name not in field_names
        ]

    def _title(self, name: str) -> str:
        """Return the label of a form's button: the action's name, or the last step of its path."""
        step = self.request.path.rstrip("/").rsplit("/", 1)[-1]
        return titled(step.replace("-", "_") if name == "post" else name)

    def _address(self, name: str) -> str:
        """Return this page's address for a form, without the parameters that its action refuses.

        So one can create an object from a filtered list.
        """
        allowed = getattr(self.view, "query_params", {}).get(name, ())
        query = self.request.query_params.copy()
        for parameter in set(query) - set(allowed):
            del query[parameter]
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path

    @property
    def _is_action(self) -> bool:
        names = {method.__name__ for method in getattr(self.view, "get_extra_actions", list)()}
        return bool(names & set(getattr(self.view, "action_map", {}).values()))

    def _allows(self, method: str) -> bool:
        if method not in self.view.allowed_methods or not self.request.user.is_authenticated:
            return False
        return _is_permitted(self.view, method)

    def _handler(self, method: str) -> str:
        handlers = getattr(self.view, "action_map", {})
        return handlers.get(method.lower(), method.lower())

    def _object(self) -> Any:
        serializer = getattr(self.data, "serializer", None)
        instance = getattr(serializer, "instance", None)
        if instance is not None and not isinstance(serializer, ListSerializer):
            return instance
        try:
            return self.view.get_object() if hasattr(self.view, "get_object") else None
        except (APIException, Http404, AssertionError):
            return None

    def _form(self, view: Any, name: str, title: str, method: str, href: str) -> Form:
        form = Form(name, title, method, href, describe(_doc(view, name)))
        with override_method(view, self.request, method):
            body = body_of(view, name, method)
            if isinstance(body, Serializer):
                form.fields = inputs(body, {}, self._errors_at(href), self._sent(href))
                form.raw = None if form.has_file else as_json(_sample(body))
            elif body is not None:
                form.raw = "[]" if isinstance(body, ListSerializer) else "{}"
        form.is_open = bool(self._errors_at(href))
        return form

    def _other_forms(self, name: str, href: str) -> Iterator[Form]:
        """Yield the forms of the other bodies that an action takes."""
        for number, serializer in enumerate(bodies_of(self.view, name, "POST")[1:], 2):
            body = serializer(context=_context(self.view))
            form = Form(f"{name}-{number}", body.form_title, "POST", href)
            form.fields = inputs(body, {}, self._errors_at(href), self._sent(href))
            form.is_open = any(field.is_sent or field.errors for field in form.fields)
            yield form

    def _edit(self, method: str, instance: Any) -> Form:
        name = self._handler(method)
        href = self._address(name)
        form = Form(name, "Edit", method, href)
        with override_method(self.view, self.request, method):
            serializer = self.view.get_serializer(instance)
            values = dict(serializer.data)
            body = body_of(self.view, name, method)
            if isinstance(body, Serializer) and type(body) is not type(serializer):
                serializer = body
            form.raw = as_json(
                {name: values[name] for name in serializer.fields if _is_written(serializer, name)}
            )
            form.fields = inputs(serializer, values, self._errors_at(href), self._sent(href))
        form.is_open = bool(self._errors_at(href))
        return form

    def _question(self, view: Any, name: str, title: str, href: str) -> Form:
        """Return a GET form, with an input for each query parameter."""
        form = Form(name, title, "GET", href, describe(_doc(view, name)))
        for parameter in _schema(view, name, "GET").get_override_parameters():
            if getattr(parameter, "location", "") == "query":
                help_text = describe(parameter.description or "")
                form.fields.append(
                    Input(parameter.name, parameter.name, "text", help_text, False, False, "")
                )
        return form

    def _view_of(self, method: Any) -> Any:
        """Return a view for another action, as the URL resolver would build it."""
        options = {name: value for name, value in method.kwargs.items() if name != "schema"}
        view = type(self.view)(**options)
        view.request, view.args, view.kwargs = self.request, (), self.view.kwargs
        view.action, view.action_map = method.__name__, dict(method.mapping)
        view.basename, view.detail = self.view.basename, self.view.detail
        view.format_kwarg = None
        return view

    def _sent(self, href: str) -> Mapping[str, Any]:
        """Return the data that was sent here, to fill the form again.

        It was refused, or it was only looked at, as by `parse` and `preview`.
        """
        name = self._handler("POST")
        is_question = name in getattr(self.view, "read_only_actions", ())
        is_answer = self.request.method == "POST" and href == self._address(name)
        if not self._errors_at(href) and not (is_question and is_answer):
            return {}
        try:
            data = self.request.data
        except ParseError:
            return {}
        return data if isinstance(data, dict) else {}

    def _errors_at(self, href: str) -> Mapping[str, list[str]]:
        is_here = href.split("?", maxsplit=1)[0].endswith(self.request.path)
        return self.errors if is_here and self.request.method in WRITING else {}


def body_of(view: Any, name: str, method: str) -> BaseSerializer[Any] | Mapping[str, Any] | None:
    """Return the serializer or schema of an action's body; None for an action without one."""
    try:
        body = _schema(view, name, method).get_request_serializer()
    except (APIException, Http404):
        return None
    if isinstance(body, PolymorphicProxySerializer):
        body = bodies_of(view, name, method)[0]
    if isinstance(body, Mapping):
        body = body.get("multipart/form-data", body)
    if isinstance(body, type) and issubclass(body, BaseSerializer):
        return body(context=_context(view))
    return body if isinstance(body, BaseSerializer | Mapping) else None


def bodies_of(view: Any, name: str, method: str) -> list[Any]:
    """Return the serializers of an action that takes one of several bodies; [] for any other."""
    body = _schema(view, name, method).get_request_serializer()
    return list(body.serializers) if isinstance(body, PolymorphicProxySerializer) else []


def _context(view: Any) -> dict[str, Any]:
    return view.get_serializer_context() if hasattr(view, "get_serializer_context") else {}


def _schema(view: Any, name: str, method: str) -> Any:
    """Return a new schema for one action, as threads share the schema of a view class."""
    schema_class = getattr(getattr(view, name, None), "kwargs", {}).get("schema")
    schema_class = schema_class or type(getattr_static(view, "schema"))
    if schema_class is DefaultSchema:
        schema_class = api_settings.DEFAULT_SCHEMA_CLASS
    schema: Any = schema_class()  # type: ignore[operator]
    schema.view, schema.method, schema.path = view, method, ""
    return schema


def _is_permitted(view: Any, method: str) -> bool:
    """Whether the client may use this method, so that a read-only token gets no forms to write."""
    with override_method(view, view.request, method) as request:
        try:
            view.check_permissions(request)
        except APIException:
            return False
    return True


def _is_written(serializer: Serializer[Any], name: str) -> bool:
    return not serializer.fields[name].read_only and not serializer.fields[name].write_only


def _sample(serializer: Serializer[Any]) -> dict[str, Any]:
    return {
        name: field.get_initial()
        for name, field in serializer.fields.items()
        if not field.read_only
    }


def _doc(view: Any, name: str) -> str:
    return getattr(getattr(view, name, None), "__doc__", None) or ""


def titled(name: str) -> str:
    return name.replace("_", " ").capitalize()


def errors_of(data: Any) -> dict[str, list[str]]:
    """Return the error texts of a problem document, by field of the form."""
    texts: dict[str, list[str]] = {}
    if isinstance(data, dict) and isinstance(data.get("errors"), list):
        for error in data["errors"]:
            name = str(error.get("field", "")).split(".")[0]
            texts.setdefault(name, []).append(str(error.get("detail", "")))
    return texts


def description(view: Any, html: bool = False) -> str:
    """Return the description of a view: its docstring. REST framework calls this."""
    text = getattr(view, "description", None) or type(view).__doc__ or ""
    return describe(text) if html else text


def breadcrumbs(path: str) -> list[tuple[str, str]]:
    """Return (name, address) of a path and of those above it that exist."""
    crumbs = []
    steps = path.strip("/").split("/")
    for end in range(1, len(steps) + 1):
        href = "/" + "/".join(steps[:end]) + "/"
        try:
            resolve(href)
        except Resolver404:
            continue
        step = steps[end - 1]
        name = "API" if step == "v1" else titled(step)
        crumbs.append((f"#{step}" if step.isdigit() else name, href))
    return crumbs


def first_url(*names: str) -> str | None:
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return None


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def as_html(content: str, noun: str | None) -> SafeString:
    try:
        return linked(json.loads(content), noun) if content else SafeString("")
    except ValueError:
        return format_html("{}", content)
