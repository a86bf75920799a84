"""The documentation as a site: docs/ as it stands, and a reference generated from the code.

`make docs` builds it with MkDocs. Each page of the reference is a function here that returns
Markdown, so that the site's search finds it and no page needs JavaScript or another package.
"""
