"""Who may do what: keys, requests from this machine, allowed recipients."""
