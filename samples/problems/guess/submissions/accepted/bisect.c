#include <stdio.h>
#include <string.h>

int main(void) {
    int low = 1, high = 1000;
    for (;;) {
        int guess = (low + high) / 2;
        char answer[8];
        printf("%d\n", guess);
        fflush(stdout);
        if (scanf("%7s", answer) != 1) return 1;
        if (strcmp(answer, "lower") == 0) high = guess - 1;
        else if (strcmp(answer, "higher") == 0) low = guess + 1;
        else return 0;
    }
}
