#include <stdio.h>
#include <assert.h>
int later = __LINE__;
int main(void) {
  puts(__FILE__);
  puts(__BASE_FILE__);
  assert(later == 0);
}
