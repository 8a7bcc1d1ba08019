"""The filter above the panes: line, completion, help, menus, colours."""
