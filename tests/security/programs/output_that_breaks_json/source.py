import sys
sys.stdout.buffer.write(b'HELD"\\\x00\x1b]0;x\x07\xc3\xff\xed\xa0\x80</script>')
