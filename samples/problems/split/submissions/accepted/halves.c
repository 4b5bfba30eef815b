#include <stdio.h>

int main(void) {
    long long number;
    if (scanf("%lld", &number) != 1) return 1;
    printf("%lld\n%lld\n", number / 2, number - number / 2);
}
