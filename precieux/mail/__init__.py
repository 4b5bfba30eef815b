"""What the command line knows of mails: records in the DNS, files of mails, reports of mail servers."""
