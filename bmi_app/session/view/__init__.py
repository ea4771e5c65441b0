"""What looks at an engine from outside: starts it, attaches to it, tells how it goes."""
