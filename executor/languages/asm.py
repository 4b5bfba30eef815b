from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, SourceFile

#: The two commands. `$0` is the program that they make, and `$@` are the options and the source.
_ASSEMBLE_AND_LINK = '"{nasm}" -f elf64 -o "$0.o" "$@" && "{ld}" -o "$0" "$0.o"'

LANGUAGE = LanguageDefinition(
    code="asm",
    source_file=SourceFile("main.asm", extensions=("asm",)),
    tools={"nasm": ("/usr/bin/nasm",), "ld": ("/usr/bin/ld",)},
    compile=Compile(
        ("/bin/sh", "-c", _ASSEMBLE_AND_LINK, "{output}", ARGS, "{source}"),
        allowed=("-g", "-O0", "-O1", "-Ox", "-D*", "-U*", "-w+all", "-w-all", "-w+error"),
    ),
    sample=(
        'section .data\n    text: db "Hello, world!", 10\n    length: equ $ - text\n\n'
        "section .text\n    global _start\n_start:\n"
        "    mov rax, 1          ; write\n    mov rdi, 1\n    mov rsi, text\n    mov rdx, length\n    syscall\n"
        "    mov rax, 60         ; exit\n    xor rdi, rdi\n    syscall\n"
    ),
    reference=Reference(
        'section .data\n    hello: db "Hello, "\n    end: db "!", 10\n\nsection .bss\n    name: resb 80\n\n'
        "section .text\n    global _start\n_start:\n"
        "    xor rax, rax\n    xor rdi, rdi\n    mov rsi, name\n    mov rdx, 80\n    syscall\n"
        "    lea r12, [rax - 1]  ; without the line feed\n"
        "    mov rax, 1\n    mov rdi, 1\n    mov rsi, hello\n    mov rdx, 7\n    syscall\n"
        "    mov rax, 1\n    mov rsi, name\n    mov rdx, r12\n    syscall\n"
        "    mov rax, 1\n    mov rsi, end\n    mov rdx, 2\n    syscall\n"
        "    mov rax, 60\n    xor rdi, rdi\n    syscall\n"
    ),
)
