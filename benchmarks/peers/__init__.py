"""One probe of how decorators behave, run against other libraries and against ours."""
