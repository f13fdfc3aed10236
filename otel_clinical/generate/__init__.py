"""Everything that is written from the registry and the policy instead of by hand."""
