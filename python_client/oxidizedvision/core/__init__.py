"""Types, errors, files and the manifest: what every verb and every runner stands on."""
