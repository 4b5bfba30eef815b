#include <stdio.h>

int main(void) {
    printf("This line lacks its semicolon\n")
    return 0;
}
