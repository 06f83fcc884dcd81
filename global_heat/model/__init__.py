"""The words of Global Heat: frozen values, no I/O, no clock."""
