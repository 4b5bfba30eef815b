import sys

for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.line_buffering)
    print(stream.write_through, stream.isatty(), stream.fileno(), stream.buffer, stream.buffer.raw)
print(sys.__stdout__ is sys.stdout, sys.__stdin__ is sys.stdin, sys.__stderr__ is sys.stderr, sys.stdout.seekable())
