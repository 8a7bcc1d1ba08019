"""Small pieces that views, dialogs and the window share."""
