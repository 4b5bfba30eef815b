#include <stdio.h>

int main(void) {
    int limit;
    if (scanf("%d", &limit) != 1) return 1;
    for (int candidate = 2; candidate <= limit; candidate++) {
        int divisor = 2;
        while (divisor * divisor <= candidate && candidate % divisor != 0) divisor++;
        if (divisor * divisor > candidate) printf("%d ", candidate);
    }
    puts("");
    return 0;
}
