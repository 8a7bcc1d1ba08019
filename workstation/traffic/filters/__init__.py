"""Display filters: the language, its fields, what they read, and help for whoever writes one."""
