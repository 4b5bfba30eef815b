#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const char *text = "^(user[0-9]+)@(example[0-5]\\.com) ([0-9]{4})-(0[1-6])-([0-9]{2}) (GET|POST) /page/([1-8][0-9])$";
  regex_t pattern;
  regmatch_t found[8];
  if (regcomp(&pattern, text, REG_EXTENDED)) return 1;
  long long seed = 3;
  int count = 0, days = 0;
  for (int number = 0; number < 4000; number++) {
    char line[128];
    seed = seed * 16807 % 2147483647;
    int day = seed % 28 + 1, month = seed / 28 % 12 + 1;
    sprintf(line, "user%d@example%d.com 2026-%02d-%02d GET /page/%d", (int)(seed % 500), number % 7, month, day,
            number % 90);
    if (regexec(&pattern, line, 8, found, 0) == 0) {
      count++;
      days += atoi(line + found[5].rm_so);
    }
  }
  regfree(&pattern);
  printf("%d %d %lld\n", count, days, NUMBERLL);
}
