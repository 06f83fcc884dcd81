"""The functions of the language, one a file. `template.versions` says which version has which."""
