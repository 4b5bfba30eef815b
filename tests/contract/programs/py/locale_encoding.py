import locale
import sys

print(
    locale.getpreferredencoding(),
    sys.getfilesystemencoding(),
    sys.getdefaultencoding(),
    locale.setlocale(locale.LC_ALL),
)
