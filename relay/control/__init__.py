"""Every question an operator may ask, and every order; the command line and the web are faces of it."""
