"""What every process needs: settings, logs, errors, text, files, HTTP."""
