"""Programs for `POST /run`, in every language."""

from typing import Final

#: Programs of several files, the first of which is run. Each prints 42.
SEVERAL: Final[dict[str, dict[str, str]]] = {
    "py": {
        "app/main.py": "import util\nfrom pack import deep\nprint(util.half() + deep.half, open('data/x').read())",
        "app/util.py": "def half(): return 20",
        "app/pack/__init__.py": "",
        "app/pack/deep.py": "half = 22",
    },
    "js": {
        "app/main.js": "const { half } = require('./util')\n"
        "console.log(half() + require('../lib/x.json').half, require('fs').readFileSync('data/x', 'utf8'))",
        "app/util.js": "exports.half = () => 20",
        "lib/x.json": '{"half": 22}',
    },
    "c": {
        "src/main.c": '#include "util.h"\n#include "lib/deep.h"\n#include <stdio.h>\nint main(void) {\n'
        'char text[9]; fgets(text, 9, fopen("data/x", "r")); printf("%d %s\\n", half() + DEEP, text); }',
        "src/util.c": '#include "util.h"\nint half(void) { return 20; }',
        "src/util.h": "int half(void);",
        "lib/deep.h": "#define DEEP 22",
    },
    "cpp": {
        "main.cpp": '#include "util.hpp"\n#include <fstream>\n#include <iostream>\nint main() {\n'
        'std::string text; std::ifstream("data/x") >> text; std::cout << half() + 22 << " " << text << "\\n"; }',
        "util.cc": '#include "util.hpp"\nint half() { return 20; }',
        "util.hpp": "int half();",
    },
    "java": {
        "app/Main.java": "package app; import java.nio.file.*; import lib.Util; public class Main {\n"
        "public static void main(String[] args) throws Exception {\n"
        'System.out.println(Util.half() + Near.half + " " + Files.readString(Path.of("data/x"))); } }',
        "app/Near.java": "package app; class Near { static int half = 22; }",
        "lib/Util.java": "package lib; public class Util { public static int half() { return 20; } }",
    },
    "bash": {"main.sh": '. lib/util.sh\necho "$((half + 22)) $(cat data/x)"', "lib/util.sh": "half=20\r\n"},
    "pl": {
        "main.pl": "use lib 'lib'; use Util; open(my $f, '<', 'data/x'); print Util::half() + 22, ' ', <$f>, \"\\n\";",
        "lib/Util.pm": "package Util; sub half { 20 } 1;",
    },
    "rb": {
        "main.rb": "require_relative 'lib/util'\nputs \"#{half + 22} #{File.read('data/x')}\"",
        "lib/util.rb": "def half = 20",
    },
    "php": {
        "main.php": "<?php require 'lib/util.php'; echo half() + 22, ' ', file_get_contents('data/x'), \"\\n\";",
        "lib/util.php": "<?php function half() { return 20; }",
    },
    "lua": {
        "main.lua": "local util = require('lib.util')\nprint(util.half() + 22 .. ' ' .. io.open('data/x'):read())",
        "lib/util.lua": "return { half = function() return 20 end }",
    },
    "go": {
        "main.go": 'package main\nimport ("fmt"; "os")\n'
        'func main() { text, _ := os.ReadFile("data/x"); fmt.Println(half()+22, string(text)) }',
        "util.go": "package main\nfunc half() int { return 20 }",
    },
    "cs": {
        "Main.cs": "using System; using System.IO; class P { static void Main() {\n"
        'Console.WriteLine(Util.Half() + 22 + " " + File.ReadAllText("data/x")); } }',
        "lib/Util.cs": "static class Util { public static int Half() { return 20; } }",
    },
    "rs": {
        "main.rs": "mod util;\nmod deep { pub mod inner; }\nfn main() {\n"
        'println!("{} {}", util::half() + deep::inner::HALF, std::fs::read_to_string("data/x").unwrap()); }',
        "util.rs": "pub fn half() -> i32 { 20 }",
        "deep/inner.rs": "pub const HALF: i32 = 22;",
    },
    "f90": {
        "main.f90": "program p\nuse util\ncharacter(5) :: text\nopen(1, file='data/x')\nread(1, '(a)') text\n"
        "print '(i0, 1x, a)', half() + 22, trim(text)\nend program",
        "util.f90": "module util\ncontains\ninteger function half()\nhalf = 20\nend function\nend module",
    },
    "pas": {
        "main.pas": "uses util; var f: text; s: string; begin assign(f, 'data/x'); reset(f); readln(f, s);\n"
        "writeln(half() + 22, ' ', s); end.",
        "util.pas": "unit util; interface function half: integer; implementation\n"
        "function half: integer; begin half := 20; end; end.",
    },
}  # fmt: skip

#: Programs that print their arguments, each in brackets.
ARGUMENTS: Final[dict[str, str]] = {
    "py": "import sys\nprint(''.join(f'[{word}]' for word in sys.argv[1:]), end='')",
    "js": "process.stdout.write(process.argv.slice(2).map((word) => `[${word}]`).join(''))",
    "c": '#include <stdio.h>\nint main(int argc, char **argv) { while (*++argv) printf("[%s]", *argv); }',
    "cpp": '#include <iostream>\nint main(int, char **argv) { while (*++argv) std::cout << "[" << *argv << "]"; }',
    "java": "class Main { public static void main(String[] args) {\n"
    'for (String word : args) System.out.print("[" + word + "]"); } }',
    "bash": 'for word; do printf "[%s]" "$word"; done',
    "pl": "print map { \"[$_]\" } @ARGV;",
    "rb": "print ARGV.map { |word| \"[#{word}]\" }.join",
    "php": "<?php foreach (array_slice($argv, 1) as $word) echo \"[$word]\";",
    "lua": "for _, word in ipairs(arg) do io.write('[' .. word .. ']') end",
    "go": 'package main\nimport ("fmt"; "os")\n'
    'func main() { for _, word := range os.Args[1:] { fmt.Printf("[%s]", word) } }',
    "cs": "class P { static void Main(string[] args) {\n"
    'foreach (var word in args) System.Console.Write("[" + word + "]"); } }',
    "rs": 'fn main() { for word in std::env::args().skip(1) { print!("[{word}]"); } }',
    "f90": "program p\ncharacter(200) :: word\ninteger :: n, i\ndo i = 1, command_argument_count()\n"
    "call get_command_argument(i, word, n)\nwrite(*, '(3a)', advance='no') '[', word(:n), ']'\nend do\nend program",
    "pas": "var i: integer; begin for i := 1 to paramcount do write('[', paramstr(i), ']'); end.",
}  # fmt: skip
WORDS: Final = ["a", "", "two words", "-x", "--y=1", "a\nb\tc", "\"'\\$`*", "é😀", "{source}", "@x", ""]
