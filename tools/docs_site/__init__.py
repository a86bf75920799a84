"""The documentation as a site: docs/ as it stands, and a reference that is made from the code.

`make docs` builds it with MkDocs. What the reference says is never typed; each page of it is a
function here that returns Markdown.
"""
