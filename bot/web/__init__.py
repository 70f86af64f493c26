"""The page on which the owner looks and acts: `familiar serve`. The only package that imports starlette and jinja2."""
