"""Reads mails in a folder and reports of mail servers, and looks up DNS records."""
