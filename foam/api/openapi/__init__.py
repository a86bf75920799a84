"""The OpenAPI document: how it is made, its examples, and the pages that show it."""
