"""The common parts of all processes: settings, logs, metrics, signals and retries."""
