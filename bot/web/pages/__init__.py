"""What each address answers: unpack the request, call the product, render; one short module a subject."""
