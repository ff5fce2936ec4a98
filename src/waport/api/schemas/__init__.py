"""What goes in and out of the routes: body classes and typed answers, one file per subject."""
