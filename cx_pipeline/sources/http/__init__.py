"""The one HTTP client under all connectors: patient, polite, and discreet about secrets."""
