#include <stdio.h>

static int digits[2000] = {1};

int main(void) {
  int length = 1, sum = 0;
  for (int factor = 2; factor <= 400; factor++) {
    int carry = 0;
    for (int place = 0; place < length; place++) {
      carry += digits[place] * factor;
      digits[place] = carry % 10;
      carry /= 10;
    }
    for (; carry; carry /= 10) digits[length++] = carry % 10;
  }
  for (int place = 0; place < length; place++) sum += digits[place];
  printf("%d %d %lld\n", length, sum, NUMBERLL);
}
