#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char *text = malloc(400000), *end = text, *replaced = malloc(600000), *to = replaced;
  int palindromes = 0, vowels = 0;
  for (int number = 0; number < 20000; number++) {
    char word[16];
    int length = 0, same = 1;
    for (long long value = (long long)number * number + 7; value > 0; value /= 10)
      word[length++] = "abcdefghij"[value % 10];
    for (int place = 0; place < length; place++) same &= word[place] == word[length - 1 - place];
    palindromes += same;
    if (number) *end++ = ' ';
    memcpy(end, word, length);
    end += length;
  }
  *end = 0;
  for (const char *from = text; *from;)
    if (strncmp(from, "ab", 2) == 0) {
      memcpy(to, "xyz", 3);
      to += 3;
      from += 2;
    } else {
      *to++ = *from++;
    }
  *to = 0;
  for (char *letter = replaced; *letter; letter++) {
    *letter = toupper((unsigned char)*letter);
    vowels += *letter == 'A' || *letter == 'E' || *letter == 'I';
  }
  const char *found = strstr(replaced, "XYZJ");
  printf("%d %zu %d %d %lld\n", palindromes, strlen(replaced), vowels, found ? (int)(found - replaced) : -1, NUMBERLL);
  free(text);
  free(replaced);
}
