"""From a posted message to its recorded outcome."""
