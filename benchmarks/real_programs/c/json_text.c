#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[400000];
static const char *next;
static long long total;

struct record {
  long long id, scores, length, on;
};

static void expect(char letter) {
  if (*next++ != letter) exit(1);
}

static long long value(void);

static long long object(void) {
  struct record record = {0, 0, 0, 0};
  expect('{');
  while (*next != '}') {
    char name[16] = "";
    expect('"');
    size_t length = strcspn(next, "\"");
    strncat(name, next, length);
    next += length + 1;
    expect(':');
    long long read = value();
    if (strcmp(name, "id") == 0) record.id = read;
    if (strcmp(name, "scores") == 0) record.scores = read;
    if (strcmp(name, "name") == 0) record.length = read;
    if (strcmp(name, "on") == 0) record.on = read;
    if (*next == ',') next++;
  }
  expect('}');
  return record.on ? record.id + record.scores + record.length : 0;
}

static long long array(void) {
  long long sum = 0;
  expect('[');
  while (*next != ']') {
    sum += value();
    if (*next == ',') next++;
  }
  expect(']');
  return sum;
}

static long long value(void) {
  if (*next == '{') return object();
  if (*next == '[') return array();
  if (*next == '"') {
    size_t length = strcspn(next + 1, "\"");
    next += length + 2;
    return (long long)length;
  }
  if (strncmp(next, "true", 4) == 0) return next += 4, 1;
  if (strncmp(next, "false", 5) == 0) return next += 5, 0;
  if (!isdigit((unsigned char)*next)) exit(1);
  char *end;
  long long number = strtoll(next, &end, 10);
  next = end;
  return number;
}

int main(void) {
  long long seed = 11;
  char *end = text;
  *end++ = '[';
  for (int number = 0; number < 5000; number++) {
    seed = seed * 16807 % 2147483647;
    end += sprintf(end, "%s{\"id\":%d,\"name\":\"name%lld\",\"scores\":[%lld,%lld],\"on\":%s}", number ? "," : "", number,
                   seed % 977, seed % 10, seed % 100, seed % 2 ? "false" : "true");
  }
  strcpy(end, "]");
  next = text;
  total = value();
  printf("%zu %lld %lld\n", strlen(text), total, NUMBERLL);
}
