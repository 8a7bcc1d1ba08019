"""The editor of scripts: a person's own handlers, in force once they are saved."""
