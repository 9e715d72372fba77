"""Two reports beside each other: what got worse, better, new, gone. Works from the model of reports alone."""
