#include <stdio.h>
#include <string.h>

int main(void)
{
    char text[80];
    if (scanf("%79s", text) != 1)
        return 1;
    for (int i = (int)strlen(text) - 1; i >= 0; i--)
        putchar(text[i]);
}
