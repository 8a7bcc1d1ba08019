"""The main window around views and dialogs."""
