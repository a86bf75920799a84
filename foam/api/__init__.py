"""Parts of the whole API: middleware, pagination, errors, the OpenAPI document, HTML pages."""
