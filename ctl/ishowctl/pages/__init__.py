"""Pages for a browser: self-contained, no network, no framework. Pure, but for reading the files beside this one."""
